/** Twenty sessions asked for at once, beside twenty bare processes started at once. */
import { BareProcess, type Turn } from './bare-process.ts';
import { ms, times, type Figure, type Row } from './figure.ts';
import { nowMs } from './clock.mjs';
import { Manager } from './manager-process.ts';
import { median, quantile } from './statistics.ts';
import type { Workbench } from './workbench.ts';

const CROWD = 20;
const DELTAS = 100;
const PROMPT = `[[demo: text chunks=${DELTAS} interval=10 stamp=1]]`;

interface Side {
	totalMs: number[];
	p95Ms: number[];
	finished: number[];
}

const note = (
	side: Side,
	startedAt: number,
	turns: readonly PromiseSettledResult<Turn>[]
): void => {
	const whole = turns
		.flatMap((turn) => (turn.status === 'fulfilled' ? [turn.value] : []))
		.filter(({ count }) => count === DELTAS);
	side.totalMs.push(Math.max(...whole.map(({ endedAt }) => endedAt)) - startedAt);
	side.p95Ms.push(
		quantile(
			whole.flatMap(({ latenciesMs }) => latenciesMs),
			0.95
		)
	);
	side.finished.push(whole.length);
};

const crowd = Array.from({ length: CROWD }, (_, index) => index);

const runBare = async (bench: Workbench, side: Side): Promise<void> => {
	const worktrees = await Promise.all(crowd.map(() => BareProcess.prepare(bench)));
	const startedAt = nowMs();
	const all = worktrees.map((prepared) => BareProcess.exec(prepared, PROMPT));
	try {
		note(side, startedAt, await Promise.allSettled(all.map((bare) => bare.turn())));
	} finally {
		await Promise.all(all.map((bare) => bare.end()));
	}
};

const runOurs = async (manager: Manager, repoId: string, side: Side): Promise<void> => {
	const browser = await manager.browse();
	try {
		const startedAt = nowMs();
		const views = await Promise.all(crowd.map(() => browser.startSession(repoId, PROMPT)));
		note(side, startedAt, await Promise.allSettled(views.map((view) => view.turn())));
		await Promise.all(views.map((view) => manager.purge(view.id)));
	} finally {
		browser.close();
	}
};

const rowsOf = (bare: Side, ours: Side): Row[] => {
	const limit = median(bare.totalMs);
	const measured = median(ours.totalMs);
	const limitP95 = median(bare.p95Ms);
	const measuredP95 = median(ours.p95Ms);
	const fewest = Math.min(...ours.finished);
	return [
		{
			figure: `${CROWD} sessions at once, ${DELTAS} deltas each: all finish`,
			limit: `${Math.min(...bare.finished)} in ${ms(limit)}`,
			measured: `${fewest} in ${ms(measured)}`,
			comparison: times(measured / limit),
			goal: '≤ 1.1 ×',
			ok: fewest === CROWD && measured <= 1.1 * limit
		},
		{
			figure: `${CROWD} sessions at once: chunk p95`,
			limit: ms(limitP95),
			measured: ms(measuredP95),
			comparison: times(measuredP95 / limitP95),
			goal: '≤ 1.1 ×',
			ok: measuredP95 <= 1.1 * limitP95
		}
	];
};

export const crowdFigure: Figure = {
	name: 'crowd',
	runs: 3,
	async measure(bench, runs) {
		const manager = await Manager.open(bench, { driver: 'bubblewrap' });
		const repoId = await manager.registerRepo(bench.repoPath);
		const bare: Side = { totalMs: [], p95Ms: [], finished: [] };
		const ours: Side = { totalMs: [], p95Ms: [], finished: [] };
		for (let run = 0; run < runs; run += 1) {
			bench.say(`run ${run + 1} of ${runs}`);
			const sides = [() => runBare(bench, bare), () => runOurs(manager, repoId, ours)];
			for (const side of run % 2 === 0 ? sides : sides.reverse()) await side();
		}
		await manager.end();
		return rowsOf(bare, ours);
	}
};
