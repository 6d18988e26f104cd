import type { Row } from './figure.ts';

const HEAD = ['figure', 'limit', 'measured', 'compared', 'goal', ''] as const;

const verdict = ({ ok }: Row): string => (ok === null ? '–' : ok ? 'ok' : 'MISSED');

/** Cells as a table of text, the first row as its head, columns as wide as they need. */
export const formatCells = (cells: readonly (readonly string[])[]): string => {
	const widths = (cells[0] ?? []).map((_, column) =>
		Math.max(...cells.map((row) => row[column]?.length ?? 0))
	);
	const lines = cells.map(
		(row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
	);
	const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
	return [lines[0], rule, ...lines.slice(1)].join('\n');
};

export const formatTable = (rows: readonly Row[]): string =>
	formatCells([
		HEAD,
		...rows.map((row) => [
			row.figure,
			row.limit,
			row.measured,
			row.comparison,
			row.goal,
			verdict(row)
		])
	]);
