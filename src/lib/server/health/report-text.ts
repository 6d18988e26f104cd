/** The report as a person reads it in a terminal. */
import type { CheckStatus } from './check.ts';
import type { DoctorReport } from './doctor.ts';

export interface SettingRow {
	name: string;
	env: string;
	shown: string;
	source: string;
}

export interface ReportTextOptions {
	/** Columns of the terminal. */
	width: number;
	color: boolean;
}

const SIGNS: Record<CheckStatus, string> = { ok: '✓', warn: '!', fail: '✗' };
const COLORS: Record<CheckStatus, string> = { ok: '32', warn: '33', fail: '31' };

export function formatReport(
	report: DoctorReport,
	settings: readonly SettingRow[],
	options: ReportTextOptions
): string {
	return [
		...checkLines(report, options),
		'',
		...settingLines(settings, options),
		'',
		verdict(report)
	].join('\n');
}

function checkLines({ checks }: DoctorReport, { width, color }: ReportTextOptions): string[] {
	const nameWidth = Math.max(0, ...checks.map(({ name }) => name.length)) + 2;
	const indent = ' '.repeat(nameWidth + 4);
	return checks.flatMap(({ name, status, found, advice }) => {
		const sign = color ? `\u001b[${COLORS[status]}m${SIGNS[status]}\u001b[0m` : SIGNS[status];
		const [first = '', ...rest] = wrap(found, width - indent.length);
		const advised = advice === null ? [] : wrap(`→ ${advice}`, width - indent.length);
		return [
			`  ${sign} ${name.padEnd(nameWidth)}${first}`,
			...[...rest, ...advised].map((line) => `${indent}${line}`)
		];
	});
}

function settingLines(settings: readonly SettingRow[], { width }: ReportTextOptions): string[] {
	if (settings.length === 0) return [];
	const envWidth = Math.max(...settings.map(({ env }) => env.length)) + 2;
	const sourceWidth = Math.max(...settings.map(({ source }) => source.length)) + 2;
	const room = width - envWidth - sourceWidth - 4;
	return [
		'Settings, and where each is from:',
		'',
		...settings.map(({ env, shown, source }) => {
			const value = shown.length > room ? `${shown.slice(0, Math.max(room - 1, 10))}…` : shown;
			return `    ${env.padEnd(envWidth)}${source.padEnd(sourceWidth)}${value}`;
		})
	];
}

function verdict({ checks, ready }: DoctorReport): string {
	const warnings = checks.filter(({ status }) => status === 'warn').length;
	if (!ready) return 'Sessions cannot run yet: mend what is marked ✗.';
	if (warnings === 0) return 'All is well.';
	return `Ready. ${warnings} thing${warnings === 1 ? '' : 's'} could be better.`;
}

function wrap(text: string, width: number): string[] {
	const lines: string[] = [];
	for (const word of text.split(/\s+/)) {
		const last = lines.at(-1);
		if (last !== undefined && last.length + word.length + 1 <= width) {
			lines[lines.length - 1] = `${last} ${word}`;
		} else {
			lines.push(word);
		}
	}
	return lines;
}
