/** Measures the figures and prints them. `scripts/bench.mjs` says how it is called. */
import { parseArgs } from 'node:util';
import { answerFigure } from './answer-figure.ts';
import { awayFigure } from './away-figure.ts';
import { changesFigure } from './changes-figure.ts';
import type { Figure, Row } from './figure.ts';
import { composeFigure } from './compose-figure.ts';
import { crowdFigure } from './crowd-figure.ts';
import { dockerFigure } from './docker-figure.ts';
import { durableFigure } from './durable-figure.ts';
import { memoryFigure } from './memory-figure.ts';
import { pageFigure } from './page-figure.ts';
import { sessionFigure, startFigure } from './session-figure.ts';
import { formatTable } from './table.ts';
import { transcriptFigure } from './transcript-figure.ts';
import { typingFigure } from './typing-figure.ts';
import { viewersFigure } from './viewers-figure.ts';
import { openWorkbench } from './workbench.ts';
import { worktreeFigure } from './worktree-figure.ts';

const FIGURES: readonly Figure[] = [
	sessionFigure,
	answerFigure,
	dockerFigure,
	crowdFigure,
	durableFigure,
	viewersFigure,
	awayFigure,
	pageFigure,
	worktreeFigure,
	changesFigure,
	transcriptFigure,
	typingFigure,
	memoryFigure
];
/** Parts of others, and what takes minutes to get ready: measured only when they are named. */
const EXTRA: readonly Figure[] = [startFigure, composeFigure];

const { values } = parseArgs({
	options: {
		json: { type: 'boolean', default: false },
		only: { type: 'string' },
		runs: { type: 'string' }
	}
});

const chosen = (): readonly Figure[] => {
	if (values.only === undefined) return FIGURES;
	const names = values.only.split(',');
	const found = [...FIGURES, ...EXTRA].filter(({ name }) => names.includes(name));
	if (found.length === names.length) return found;
	const known = [...FIGURES, ...EXTRA].map(({ name }) => name).join(', ');
	process.stderr.write(`--only takes names of: ${known}\n`);
	process.exit(2);
};

/** Progress goes to stderr, so that stdout is the table or the JSON alone. */
const say = (text: string): void => void process.stderr.write(`  ${text}\n`);

const measureAll = async (
	figures: readonly Figure[]
): Promise<{ rows: Row[]; broken: boolean }> => {
	const rows: Row[] = [];
	let broken = false;
	const bench = await openWorkbench(say);
	process.once('SIGINT', () => void bench.end().finally(() => process.exit(130)));
	try {
		for (const figure of figures) {
			process.stderr.write(`${figure.name}\n`);
			const runs = values.runs === undefined ? figure.runs : Math.max(1, Number(values.runs));
			try {
				rows.push(...(await figure.measure(bench, runs)));
			} catch (error) {
				broken = true;
				process.stderr.write(`${figure.name} broke: ${(error as Error).stack}\n`);
			}
		}
	} finally {
		await bench.end();
	}
	return { rows, broken };
};

const { rows, broken } = await measureAll(chosen());
process.stdout.write(`${values.json ? JSON.stringify(rows, null, '\t') : formatTable(rows)}\n`);
process.exit(broken ? 1 : 0);
