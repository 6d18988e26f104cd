/**
 * Real sessions at rest whose own runners are halted, so that one of ours can take their place at the
 * door with the same token.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PROTOCOL_VERSION } from '../packages/protocol/src/protocol-version.ts';
import type { SessionId } from '../packages/protocol/src/ids.ts';
import { sessionToken } from '../src/lib/server/sessions/session-tokens.ts';
import type { DoorPlace } from './door-runner.mjs';
import type { Manager } from './manager-process.ts';
import { processesWith } from './process-memory.ts';
import type { Workbench } from './workbench.ts';

const PROMPT = '[[demo: text chunks=1]]';
/** Sandboxes that are made at the same time. */
const STARTS = 4;

/** To every process of the session's sandbox, and what holds it. */
const signalAll = async (sessionId: string, signal: NodeJS.Signals): Promise<void> => {
	for (const pid of await processesWith(sessionId)) {
		try {
			process.kill(pid, signal);
		} catch (error) {
			// The programs that keep a turn's files end by themselves.
			if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
		}
	}
};

export const haltedSessions = async (
	bench: Workbench,
	manager: Manager,
	count: number
): Promise<DoorPlace[]> => {
	const repoId = await manager.registerRepo(bench.repoPath);
	const secret = (await readFile(join(manager.workspaceRoot, 'secret'), 'utf8')).trim();
	const browser = await manager.browse();
	const places: DoorPlace[] = [];
	while (places.length < count) {
		bench.say(`preparing sessions: ${places.length} of ${count}`);
		const views = await Promise.all(
			Array.from({ length: Math.min(STARTS, count - places.length) }, () =>
				browser.startSession(repoId, PROMPT)
			)
		);
		await Promise.all(views.map((view) => view.turn()));
		for (const { id } of views) {
			await signalAll(id, 'SIGSTOP');
			const socket = join(manager.workspaceRoot, 'sessions', id, 'door', 'door.sock');
			const token = sessionToken(secret, id as SessionId, 1);
			places.push({ id, epoch: 1, token, socket, v: PROTOCOL_VERSION });
		}
	}
	browser.close();
	return places;
};

/** Lets the sessions' own runners go on, so that the sandboxes can end. */
export const releaseSessions = async (places: readonly DoorPlace[]): Promise<void> => {
	for (const { id } of places) await signalAll(id, 'SIGCONT');
};
