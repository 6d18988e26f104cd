/**
 * One session from its request over later turns to a stream at full speed, beside a bare process that
 * does the same, run after run in changing order: five rows of the table.
 */
import { BareProcess, type Turn } from './bare-process.ts';
import { ms, signed, times, type Figure, type Row } from './figure.ts';
import { Manager } from './manager-process.ts';
import { cpuMs } from './process-memory.ts';
import { median, quantile } from './statistics.ts';
import type { Workbench } from './workbench.ts';

const SHORT = '[[demo: text chunks=3 interval=1 stamp=1]]';
const PACED = '[[demo: text chunks=200 interval=10 stamp=1]]';
const DELTAS = 2000;
const BURST = `[[demo: burst deltas=${DELTAS}]]`;
const LATER_TURNS = 8;
/** Between turns, so that nothing of the last one is measured with the next. */
const PAUSE_MS = 150;

interface Side {
	firstTokenMs: number[];
	laterMs: number[];
	latenciesMs: number[];
	burstMs: number[];
	burstCpuMs: number[];
}

const emptySide = (): Side => ({
	firstTokenMs: [],
	laterMs: [],
	latenciesMs: [],
	burstMs: [],
	burstCpuMs: []
});

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PAUSE_MS));

const reached = (at: number | null): number => {
	if (at === null) throw new Error('the turn said nothing');
	return at;
};

export type Part = 'start' | 'turns';

/** What comes after the first turn, the same for both sides. */
const laterTurns = async (
	side: Side,
	send: (prompt: string) => Promise<Turn>,
	managerPid: number | null
): Promise<void> => {
	for (let index = 0; index < LATER_TURNS; index += 1) {
		await pause();
		const turn = await send(SHORT);
		side.laterMs.push(reached(turn.firstAt) - turn.pushedAt);
	}
	await pause();
	const paced = await send(PACED);
	side.latenciesMs.push(...paced.latenciesMs);
	await pause();
	const before = managerPid === null ? 0 : await cpuMs(managerPid);
	const burst = await send(BURST);
	if (burst.count !== DELTAS) throw new Error(`${burst.count} of ${DELTAS} deltas came`);
	side.burstMs.push(reached(burst.lastAt) - burst.pushedAt);
	if (managerPid !== null) side.burstCpuMs.push((await cpuMs(managerPid)) - before);
};

const runBare = async (bench: Workbench, side: Side, parts: readonly Part[]): Promise<void> => {
	const bare = await BareProcess.start(bench, SHORT);
	try {
		const first = await bare.turn();
		side.firstTokenMs.push(reached(first.firstAt) - bare.startedAt);
		if (parts.includes('turns')) await laterTurns(side, (prompt) => bare.send(prompt), null);
	} finally {
		await bare.end();
	}
};

const runOurs = async (
	manager: Manager,
	repoId: string,
	side: Side,
	parts: readonly Part[]
): Promise<void> => {
	const browser = await manager.browse();
	try {
		const view = await browser.startSession(repoId, SHORT);
		const first = await view.turn();
		side.firstTokenMs.push(reached(first.firstAt) - first.pushedAt);
		if (parts.includes('turns')) {
			await laterTurns(side, (prompt) => view.send(prompt), manager.pid);
		}
		await manager.purge(view.id);
	} finally {
		browser.close();
	}
};

export interface Sides {
	bare: Side;
	ours: Side;
}

/** One run that is thrown away, then `runs` of both in changing order. */
export const compareSessions = async (
	bench: Workbench,
	manager: Manager,
	runs: number,
	parts: readonly Part[]
): Promise<Sides> => {
	const repoId = await manager.registerRepo(bench.repoPath);
	const sides = { bare: emptySide(), ours: emptySide() };
	await runBare(bench, emptySide(), ['start']);
	await runOurs(manager, repoId, emptySide(), ['start']);
	for (let run = 0; run < runs; run += 1) {
		bench.say(`run ${run + 1} of ${runs}`);
		const bare = () => runBare(bench, sides.bare, parts);
		const ours = () => runOurs(manager, repoId, sides.ours, parts);
		for (const side of run % 2 === 0 ? [bare, ours] : [ours, bare]) await side();
	}
	return sides;
};

export const startRow = (label: string, { bare, ours }: Sides, maxRatio: number): Row => {
	const limit = median(bare.firstTokenMs);
	const measured = median(ours.firstTokenMs);
	return {
		figure: `session request → first token, ${label}`,
		limit: ms(limit),
		measured: ms(measured),
		comparison: times(measured / limit),
		goal: `≤ ${maxRatio} ×`,
		ok: measured <= maxRatio * limit
	};
};

const turnRow = ({ bare, ours }: Sides): Row => {
	const limit = median(bare.laterMs);
	const measured = median(ours.laterMs);
	const extra = measured - limit;
	return {
		figure: 'later turn: message → first token',
		limit: ms(limit),
		measured: ms(measured),
		comparison: `${times(measured / limit)}, ${signed(ms(extra), extra)}`,
		goal: '≤ 1.3 × or +15 ms',
		ok: measured <= 1.3 * limit || extra <= 15
	};
};

const chunkRow = ({ bare, ours }: Sides, fraction: number, maxExtraMs: number): Row => {
	const limit = quantile(bare.latenciesMs, fraction);
	const measured = quantile(ours.latenciesMs, fraction);
	const extra = measured - limit;
	return {
		figure: `model chunk → frame at the browser, p${fraction * 100}`,
		limit: `${limit.toFixed(2)} ms`,
		measured: `${measured.toFixed(2)} ms`,
		comparison: signed(`${extra.toFixed(2)} ms`, extra),
		goal: `≤ +${maxExtraMs} ms`,
		ok: extra <= maxExtraMs
	};
};

const burstRows = ({ bare, ours }: Sides): Row[] => {
	const limit = median(bare.burstMs);
	const measured = median(ours.burstMs);
	const cpu = median(ours.burstCpuMs);
	return [
		{
			figure: '2,000 deltas flat out: all at the client',
			limit: ms(limit),
			measured: ms(measured),
			comparison: times(measured / limit),
			goal: '≤ 1.3 ×',
			ok: measured <= 1.3 * limit
		},
		{
			figure: '2,000 deltas flat out: CPU of the manager',
			limit: '',
			measured: ms(cpu),
			comparison: '',
			goal: '≤ 0.4 s',
			ok: cpu <= 400
		}
	];
};

export const sessionFigure: Figure = {
	name: 'session',
	runs: 7,
	async measure(bench, runs) {
		const manager = await Manager.open(bench, { driver: 'bubblewrap' });
		const sides = await compareSessions(bench, manager, runs, ['start', 'turns']);
		await manager.end();
		return [
			startRow('bubblewrap', sides, 1.5),
			turnRow(sides),
			chunkRow(sides, 0.5, 1.5),
			chunkRow(sides, 0.95, 10),
			...burstRows(sides)
		];
	}
};

/** The start alone, for many runs: what one works with while making it quicker. */
export const startFigure: Figure = {
	name: 'start',
	runs: 9,
	async measure(bench, runs) {
		const manager = await Manager.open(bench, { driver: 'bubblewrap' });
		const sides = await compareSessions(bench, manager, runs, ['start']);
		await manager.end();
		return [startRow('bubblewrap', sides, 1.5)];
	}
};
