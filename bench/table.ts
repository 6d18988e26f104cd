import type { Row } from './figure.ts';

const HEAD = ['figure', 'limit', 'measured', 'compared', 'goal', ''] as const;

const verdict = ({ ok }: Row): string => (ok === null ? '–' : ok ? 'ok' : 'MISSED');

/** The rows as a table of text, columns as wide as they need. */
export const formatTable = (rows: readonly Row[]): string => {
	const cells: string[][] = [
		[...HEAD],
		...rows.map((row) => [
			row.figure,
			row.limit,
			row.measured,
			row.comparison,
			row.goal,
			verdict(row)
		])
	];
	const widths = HEAD.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
	const lines = cells.map(
		(row) => `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
	);
	const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
	return [lines[0], rule, ...lines.slice(1)].join('\n');
};
