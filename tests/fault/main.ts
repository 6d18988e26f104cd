/** Runs the fault suite's figures and prints them. `scripts/fault.mjs` says how it is called. */
import { parseArgs } from 'node:util';
import { formatCells } from '../../bench/table.ts';
import type { Figure, Row } from './figure.ts';
import { adoptionFigure } from './adoption-figure.ts';
import { causesFigure } from './causes-figure.ts';
import { controlsFigure } from './controls-figure.ts';
import { killsFigure } from './kills-figure.ts';
import { restartsFigure } from './restarts-figure.ts';
import { startsFigure } from './starts-figure.ts';

const FIGURES: readonly Figure[] = [
	controlsFigure,
	restartsFigure,
	adoptionFigure,
	causesFigure,
	startsFigure,
	killsFigure
];

const { values } = parseArgs({
	options: {
		only: { type: 'string' },
		seed: { type: 'string', default: process.env.SEED ?? String(Date.now() % 1_000_000_000) },
		kills: { type: 'string', default: '1000' },
		deaths: { type: 'string', default: '200' },
		minutes: { type: 'string' }
	}
});

const chosen = (): readonly Figure[] => {
	if (values.only === undefined) return FIGURES;
	const names = values.only.split(',');
	const found = FIGURES.filter(({ name }) => names.includes(name));
	if (found.length === names.length) return found;
	process.stderr.write(`--only takes names of: ${FIGURES.map(({ name }) => name).join(', ')}\n`);
	process.exit(2);
};

const begun = performance.now();
/** Progress goes to stderr, so that stdout is the table alone. */
const say = (text: string): void => {
	const seconds = Math.round((performance.now() - begun) / 1000);
	process.stderr.write(`  ${String(seconds).padStart(5)} s  ${text}\n`);
};

const verdict = ({ ok }: Row): string => (ok === null ? '–' : ok ? 'ok' : 'MISSED');

const seed = Number(values.seed);
const endAt = values.minutes === undefined ? null : begun + Number(values.minutes) * 60_000;
const options = {
	seed,
	kills: Number(values.kills),
	deaths: Number(values.deaths),
	endAt,
	say
};
const rows: Row[] = [];
say(`seed ${seed}`);
for (const figure of chosen()) {
	say(figure.name);
	try {
		const measured = await figure.measure(options);
		for (const row of measured) say(`${row.figure}: ${row.measured} (${verdict(row)})`);
		rows.push(...measured);
	} catch (error) {
		say((error as Error).stack ?? String(error));
		const measured = `broke: ${(error as Error).message.split('\n')[0] ?? ''}`;
		rows.push({ figure: figure.name, goal: '', measured, ok: false });
	}
}
const cells = rows.map((row) => [row.figure, row.goal, row.measured, verdict(row)]);
process.stdout.write(`${formatCells([['figure', 'goal', 'measured', ''], ...cells])}\n`);
const missed = rows.filter(({ ok }) => ok === false).length;
process.stdout.write(`Seed ${seed}: ${rows.length - missed} as they should be, ${missed} not.\n`);
process.exit(missed > 0 ? 1 : 0);
