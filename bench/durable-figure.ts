/**
 * Durable events: from a runner's frame at the door of a real manager to its acknowledgement after
 * the commit, in one session and in twenty, beside a loop that inserts batches of the same size into
 * the same database. The sessions are real ones; their own runners are halted, and one of ours takes
 * their place at the door with the same token.
 */
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../src/lib/server/db/embedded-postgres.ts';
import { runProgram } from '../scripts/run-program.mjs';
import type { Figure, Row } from './figure.ts';
import { times } from './figure.ts';
import { Manager } from './manager-process.ts';
import { haltedSessions, releaseSessions } from './halted-sessions.ts';
import { median } from './statistics.ts';
import { ROOT } from './workbench.ts';

const CROWD = 20;
const SPAN = { warmUpMs: 1_000, measureMs: 3_000 };
/** As many as the manager's own pool has. */
const CONNECTIONS = 10;

const perSecond = async (program: string, settings: object): Promise<number> =>
	Number(
		await runProgram(
			process.execPath,
			[join(ROOT, 'bench', program), JSON.stringify({ ...SPAN, ...settings })],
			{ quiet: true }
		)
	);

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
		const places = await haltedSessions(bench, manager, CROWD);
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
		await releaseSessions(places);
		await manager.end();
		return rows;
	}
};
