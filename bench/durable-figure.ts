/**
 * Durable events: from a runner's frame at the door of a real manager to its acknowledgement after
 * the commit, in one session and in twenty, beside a loop that inserts batches of the same size into
 * the same database. The sessions are real ones; their own runners are halted, and one of ours takes
 * their place at the door with the same token.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sessionToken } from '../src/lib/server/sessions/session-tokens.ts';
import { startEmbeddedPostgres } from '../src/lib/server/db/embedded-postgres.ts';
import type { SessionId } from '../packages/protocol/src/ids.ts';
import { runProgram } from '../scripts/run-program.mjs';
import type { Figure, Row } from './figure.ts';
import { times } from './figure.ts';
import { Manager } from './manager-process.ts';
import { processesWith } from './process-memory.ts';
import { median } from './statistics.ts';
import { ROOT, type Workbench } from './workbench.ts';

const CROWD = 20;
const PROMPT = '[[demo: text chunks=1]]';
const SPAN = { warmUpMs: 1_000, measureMs: 3_000 };
/** As many as the manager's own pool has. */
const CONNECTIONS = 10;
/** Sandboxes that are made at the same time while the sessions are prepared. */
const STARTS = 4;

interface DoorPlace {
	id: string;
	epoch: number;
	token: string;
	socket: string;
}

const perSecond = async (program: string, settings: object): Promise<number> =>
	Number(
		await runProgram(
			process.execPath,
			[join(ROOT, 'bench', program), JSON.stringify({ ...SPAN, ...settings })],
			{ quiet: true }
		)
	);

/** To every process of the session's sandbox, and what holds it. */
const signalAll = async (sessionId: string, signal: NodeJS.Signals): Promise<void> => {
	for (const pid of await processesWith(sessionId)) process.kill(pid, signal);
};

/** Sessions at rest whose runners are halted. */
const prepare = async (bench: Workbench, manager: Manager): Promise<DoorPlace[]> => {
	const repoId = await manager.registerRepo(bench.repoPath);
	const secret = (await readFile(join(manager.workspaceRoot, 'secret'), 'utf8')).trim();
	const browser = await manager.browse();
	const places: DoorPlace[] = [];
	while (places.length < CROWD) {
		bench.say(`preparing sessions: ${places.length} of ${CROWD}`);
		const views = await Promise.all(
			Array.from({ length: STARTS }, () => browser.startSession(repoId, PROMPT))
		);
		await Promise.all(views.map((view) => view.turn()));
		for (const { id } of views) {
			await signalAll(id, 'SIGSTOP');
			const socket = join(manager.workspaceRoot, 'sessions', id, 'door', 'door.sock');
			places.push({ id, epoch: 1, token: sessionToken(secret, id as SessionId, 1), socket });
		}
	}
	browser.close();
	return places;
};

const rowOf = (label: string, limits: readonly number[], measured: readonly number[]): Row => {
	const limit = median(limits);
	const ours = median(measured);
	return {
		figure: `durable events a second, 1 KB, ${label}`,
		limit: `${Math.round(limit)} /s`,
		measured: `${Math.round(ours)} /s`,
		comparison: times(ours / limit),
		goal: '≥ 0.5 ×',
		ok: ours >= 0.5 * limit
	};
};

export const durableFigure: Figure = {
	name: 'durable',
	runs: 3,
	async measure(bench, runs) {
		const manager = await Manager.open(bench, { driver: 'bubblewrap' });
		const places = await prepare(bench, manager);
		const database = await startEmbeddedPostgres({
			folder: join(manager.workspaceRoot, 'postgres')
		});
		if (!database.ok) throw new Error(database.error.message);
		const { url } = database.value;
		const rows: Row[] = [];
		for (const [label, count] of [
			['one session', 1],
			[`${CROWD} sessions`, CROWD]
		] as const) {
			const limits: number[] = [];
			const measured: number[] = [];
			for (let run = 0; run < runs; run += 1) {
				bench.say(`${label}: run ${run + 1} of ${runs}`);
				const limit = { url, loops: count, connections: Math.min(count, CONNECTIONS) };
				limits.push(await perSecond('batch-inserter.mjs', limit));
				measured.push(
					await perSecond('synthetic-runner.mjs', { sessions: places.slice(0, count) })
				);
			}
			rows.push(rowOf(label, limits, measured));
		}
		for (const { id } of places) await signalAll(id, 'SIGCONT');
		await manager.end();
		return rows;
	}
};
