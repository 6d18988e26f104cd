import type { Figure } from './figure.ts';
import { describeVerdict, tellViolations } from './figure.ts';
import { killManager, startLoad } from './kills.ts';
import { PageViewer } from './page-viewer.ts';
import { World } from './world.ts';

const PROGRESS_EVERY = 25;

/** Two light sessions and a real one, two programs and a page that look on. */
export const killsFigure: Figure = {
	name: 'kills',
	measure: async ({ seed, kills, endAt, say }) => {
		const world = await World.open(seed);
		try {
			await startLoad(world, 2, 1);
			const [first] = world.sessions;
			if (first) world.pages.push(await PageViewer.open(world.app, first.id));
			const result = await killManager(world, {
				kills,
				endAt,
				onKill: (done) => done % PROGRESS_EVERY === 0 && say(`${done} kills`)
			});
			const verdict = await world.check();
			tellViolations(verdict.violations, say);
			const others = Object.entries(result.others).map(([what, count]) => `${count} × ${what}`);
			for (const failed of result.failedStarts) say(failed);
			say(`${result.whileStarting} of the kills while it started; besides: ${others.join(', ')}`);
			return [
				{
					figure: `${result.kills} × kill -9 of the manager under load`,
					goal: '0 lost, 0 twice, 0 out of order, in the database and at every viewer',
					measured: describeVerdict(verdict),
					ok: verdict.violations.length === 0
				},
				{
					figure: 'starts of it that gave up',
					goal: 'none',
					measured: String(result.failedStarts.length),
					ok: result.failedStarts.length === 0
				}
			];
		} finally {
			await world.end();
		}
	}
};
