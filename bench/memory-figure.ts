/**
 * Memory at rest: the manager with its database, the processes of a waiting session beside a bare
 * process that waits, and what a sleeping session leaves in the manager.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BareProcess } from './bare-process.ts';
import { signed, type Figure, type Row } from './figure.ts';
import { openInspector } from './inspector.ts';
import { Manager } from './manager-process.ts';
import { familyOf, processesWith, pssMb } from './process-memory.ts';
import { median } from './statistics.ts';
import type { Workbench } from './workbench.ts';

const PROMPT = '[[demo: text chunks=3 interval=1]]';
const SLEEPERS = 5;
/** What was started last has settled by then. */
const REST_MS = 4_000;

const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, REST_MS));
const mb = (value: number): string => `${value.toFixed(1)} MB`;

const databasePid = async ({ workspaceRoot }: Manager): Promise<number> => {
	const path = join(workspaceRoot, 'postgres', 'data', 'postmaster.pid');
	return Number((await readFile(path, 'utf8')).split('\n')[0]);
};

const idleMb = async (manager: Manager): Promise<number> => {
	const page = await fetch(`${manager.origin}/`, {
		headers: { authorization: `Bearer ${manager.token}` }
	});
	await page.text();
	await rest();
	return pssMb([manager.pid, ...(await familyOf([await databasePid(manager)]))]);
};

/** Both at the same time, so that they share the pages of the agent's program alike. */
const waitingMb = async (
	bench: Workbench,
	manager: Manager,
	repoId: string
): Promise<{ bare: number; ours: number }> => {
	const browser = await manager.browse();
	const [view, bare] = await Promise.all([
		browser.startSession(repoId, PROMPT),
		BareProcess.start(bench, PROMPT)
	]);
	await Promise.all([view.turn(), bare.turn()]);
	await rest();
	const bareMb = await pssMb(await familyOf([bare.child.pid ?? 0]));
	const oursMb = await pssMb(await processesWith(view.id));
	await Promise.all([manager.purge(view.id), bare.end()]);
	browser.close();
	return { bare: bareMb, ours: oursMb };
};

/** Live memory of the manager after a collection, before and after some sessions went to sleep. */
const sleepingMb = async (bench: Workbench): Promise<number> => {
	const manager = await Manager.open(bench, {
		driver: 'bubblewrap',
		nodeArguments: ['--inspect=127.0.0.1:0']
	});
	const inspector = await openInspector(manager.inspectorUrl());
	const repoId = await manager.registerRepo(bench.repoPath);
	const browser = await manager.browse();
	const sleepOne = async (): Promise<void> => {
		const view = await browser.startSession(repoId, PROMPT);
		await view.turn();
		await browser.command({ type: 'session.sleep', sessionId: view.id });
		await view.until(({ asleep }) => asleep);
	};
	await sleepOne();
	await rest();
	const before = await inspector.liveBytes();
	for (let index = 0; index < SLEEPERS; index += 1) await sleepOne();
	await rest();
	const after = await inspector.liveBytes();
	inspector.close();
	browser.close();
	await manager.end();
	return (after - before) / SLEEPERS / 1_048_576;
};

const waitingRow = (bare: readonly number[], ours: readonly number[]): Row => {
	const limit = median(bare);
	const measured = median(ours);
	return {
		figure: 'memory (PSS): a waiting session',
		limit: mb(limit),
		measured: mb(measured),
		comparison: signed(mb(measured - limit), measured - limit),
		goal: '≤ bare + 60 MB',
		ok: measured <= limit + 60
	};
};

export const memoryFigure: Figure = {
	name: 'memory',
	runs: 3,
	async measure(bench, runs) {
		const manager = await Manager.open(bench, { driver: 'bubblewrap' });
		const idle = await idleMb(manager);
		const repoId = await manager.registerRepo(bench.repoPath);
		const waiting: { bare: number; ours: number }[] = [];
		for (let run = 0; run < runs; run += 1) {
			bench.say(`run ${run + 1} of ${runs}`);
			waiting.push(await waitingMb(bench, manager, repoId));
		}
		await manager.end();
		const sleeping = await sleepingMb(bench);
		return [
			{
				figure: 'memory (PSS): manager with database, idle',
				limit: '',
				measured: mb(idle),
				comparison: '',
				goal: '≤ 160 MB',
				ok: idle <= 160
			},
			waitingRow(
				waiting.map(({ bare }) => bare),
				waiting.map(({ ours }) => ours)
			),
			{
				figure: 'memory: a sleeping session (live in the manager)',
				limit: '',
				measured: mb(sleeping),
				comparison: '',
				goal: '≤ 2 MB',
				ok: sleeping <= 2
			}
		];
	}
};
