/** A new session on a large repo, until its worktree is ready, beside `git worktree add` of the same. */
import { join } from 'node:path';
import type { SessionEvent } from '../packages/protocol/src/events.ts';
import { runProgram } from '../scripts/run-program.mjs';
import { nowMs } from './clock.mjs';
import { ms, times, type Figure } from './figure.ts';
import { Manager } from './manager-process.ts';
import { median } from './statistics.ts';
import { makeWideRepo } from './wide-repo.ts';
import type { Workbench } from './workbench.ts';

const FILES = 50_000;
const PROMPT = '[[demo: text text=ready]]';

const bareMs = async (bench: Workbench, repo: string): Promise<number> => {
	const path = join(await bench.makeFolder('bare'), 'worktree');
	const git = (...args: string[]) => runProgram('git', ['-C', repo, ...args], { quiet: true });
	const from = nowMs();
	await git('worktree', 'add', '--quiet', '--detach', path, 'main');
	const took = nowMs() - from;
	await git('worktree', 'remove', '--force', path);
	return took;
};

/** From the request to the end of the step that makes the worktree. */
const ourMs = async (manager: Manager, repoId: string): Promise<number> => {
	const browser = await manager.browse();
	try {
		const from = nowMs();
		const view = await browser.startSession(repoId, PROMPT);
		await view.turn();
		const { events } = await manager.call<{ events: SessionEvent[] }>(
			'GET',
			`/api/sessions/${view.id}/events?limit=100`
		);
		const ready = events.find(
			({ type, payload }) => type === 'step.finished' && payload.step === 'worktree'
		);
		if (!ready) throw new Error('the session has made no worktree');
		await manager.purge(view.id);
		return Date.parse(ready.ts) - from;
	} finally {
		browser.close();
	}
};

export const worktreeFigure: Figure = {
	name: 'worktree',
	runs: 5,
	async measure(bench, runs) {
		const repo = await makeWideRepo(bench, FILES);
		const manager = await Manager.open(bench, { driver: 'bubblewrap' });
		const repoId = await manager.registerRepo(repo);
		const bare: number[] = [];
		const ours: number[] = [];
		await bareMs(bench, repo);
		await ourMs(manager, repoId);
		for (let run = 0; run < runs; run += 1) {
			bench.say(`run ${run + 1} of ${runs}`);
			const sides = [
				async () => bare.push(await bareMs(bench, repo)),
				async () => ours.push(await ourMs(manager, repoId))
			];
			for (const side of run % 2 === 0 ? sides : sides.reverse()) await side();
		}
		await manager.end();
		const limit = median(bare);
		const measured = median(ours);
		return [
			{
				figure: `session on ${FILES} files: request → worktree ready`,
				limit: ms(limit),
				measured: ms(measured),
				comparison: times(measured / limit),
				goal: '≤ 1.3 ×',
				ok: measured <= 1.3 * limit
			}
		];
	}
};
