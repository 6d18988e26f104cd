/** The database crashed and connections cut, while all goes on: nothing is lost, and all catch up soon. */
import { quantile } from '../../bench/statistics.ts';
import { until } from '../support/app.ts';
import { crashDatabase, cutRunner } from './faults.ts';
import { describeVerdict, tellViolations, type Figure } from './figure.ts';
import { startLoad } from './kills.ts';
import { PageViewer } from './page-viewer.ts';
import { World } from './world.ts';

const DATABASE_RESTARTS = 20;
const VIEWER_CUTS = 50;
const RUNNER_CUTS = 50;
const CAUGHT_UP_GOAL_MS = 10_000;
const GIVE_UP_MS = 60_000;

type Fault = 'database' | 'viewer' | 'runner';

const repeat = (fault: Fault, count: number): Fault[] => Array<Fault>(count).fill(fault);

const shuffled = <T>(items: readonly T[], random: () => number): T[] =>
	items
		.map((item) => ({ item, at: random() }))
		.sort((a, b) => a.at - b.at)
		.map(({ item }) => item);

const inflict = async (world: World, fault: Fault): Promise<void> => {
	if (fault === 'database') await crashDatabase(world.app);
	else if (fault === 'viewer') world.pick(world.viewers)?.cut();
	else cutRunner(world.app, world.pick(world.sessions)?.id ?? '');
};

/** How long until every viewer has, from every session, something that was said after the fault. */
const untilCaughtUp = async (world: World): Promise<number> => {
	const since = Date.now();
	const begun = performance.now();
	await until(
		async () =>
			world.viewers.every((viewer) =>
				world.sessions.every(({ id }) => viewer.newestAt(id) > since)
			),
		'all viewers caught up',
		GIVE_UP_MS
	);
	return performance.now() - begun;
};

export const restartsFigure: Figure = {
	name: 'restarts',
	measure: async ({ seed, say }) => {
		const world = await World.open(seed);
		try {
			await startLoad(world, 3, 0);
			const [first] = world.sessions;
			if (first) world.pages.push(await PageViewer.open(world.app, first.id));
			const { pid } = world.app;
			const faults = shuffled(
				[
					...repeat('database', DATABASE_RESTARTS),
					...repeat('viewer', VIEWER_CUTS),
					...repeat('runner', RUNNER_CUTS)
				],
				world.random
			);
			const times: number[] = [];
			for (const fault of faults) {
				await inflict(world, fault);
				times.push(await untilCaughtUp(world));
				if (times.length % 20 === 0) say(`${times.length} faults`);
			}
			const samePid = world.app.pid === pid && world.app.isRunning;
			const verdict = await world.check();
			tellViolations(verdict.violations, say);
			const p95 = quantile(times, 0.95);
			const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;
			return [
				{
					figure: `${DATABASE_RESTARTS} immediate database restarts, ${VIEWER_CUTS + RUNNER_CUTS} connections cut`,
					goal: '0 lost, the same manager',
					measured: `${describeVerdict(verdict)}, ${samePid ? 'the same' : 'ANOTHER'} manager`,
					ok: verdict.violations.length === 0 && samePid
				},
				{
					figure: 'every viewer caught up after one of them',
					goal: 'p95 ≤ 10 s',
					measured: `p50 ${seconds(quantile(times, 0.5))}, p95 ${seconds(p95)}, at most ${seconds(Math.max(...times))}`,
					ok: p95 <= CAUGHT_UP_GOAL_MS
				}
			];
		} finally {
			await world.end();
		}
	}
};
