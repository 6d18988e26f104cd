/** The manager killed with a hundred sessions at work: how long until all of them are heard again. */
import { quantile } from '../../bench/statistics.ts';
import { until } from '../support/app.ts';
import { describeVerdict, tellViolations, type Figure } from './figure.ts';
import { World } from './world.ts';

const LIGHT = 95;
const REAL = 5;
const AT_ONCE = 10;
const RESTARTS = 10;
const LIVE_GOAL_MS = 5_000;
const GIVE_UP_MS = 120_000;
/** Longer than its session: it says something again and again, with little work. */
const REAL_PROMPT = '[[demo: loop command="sleep 0.5" times=0]]';

const startAll = async (world: World, say: (text: string) => void): Promise<void> => {
	for (let count = 0; count < REAL; count += 1) await world.startReal(REAL_PROMPT);
	for (let started = 0; started < LIGHT; started += AT_ONCE) {
		const batch = Math.min(AT_ONCE, LIGHT - started);
		await Promise.all(
			Array.from({ length: batch }, () => world.startLight({ rate: 2, chars: 100 }))
		);
		await world.untilRunning();
		say(`${started + batch} light sessions at work`);
	}
};

export const adoptionFigure: Figure = {
	name: 'adoption',
	measure: async ({ seed, say }) => {
		const world = await World.open(seed);
		try {
			const viewer = world.addViewer('viewer');
			await startAll(world, say);
			const times: number[] = [];
			for (let restart = 0; restart < RESTARTS; restart += 1) {
				await world.app.kill();
				const since = Date.now();
				const begun = performance.now();
				await world.app.start();
				await until(
					async () => world.sessions.every(({ id }) => viewer.newestAt(id) > since),
					'all sessions live',
					GIVE_UP_MS
				);
				times.push(performance.now() - begun);
				say(`restart ${restart + 1}: ${Math.round(times.at(-1) ?? 0)} ms`);
			}
			const verdict = await world.check();
			tellViolations(verdict.violations, say);
			const p95 = quantile(times, 0.95);
			return [
				{
					figure: `manager killed with ${LIGHT + REAL} sessions (${REAL} real) → all live`,
					goal: 'p95 ≤ 5 s',
					measured: `p50 ${Math.round(quantile(times, 0.5))} ms, p95 ${Math.round(p95)} ms; ${describeVerdict(verdict)}`,
					ok: p95 <= LIVE_GOAL_MS && verdict.violations.length === 0
				}
			];
		} finally {
			await world.end();
		}
	}
};
