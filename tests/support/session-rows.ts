/** A repo and sessions as rows only: for tests of the log and of who reads and writes it. */
import { randomUUID } from 'node:crypto';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { initialSessionState, type SessionState } from '../../src/lib/domain/session-state.ts';
import type { Database } from '../../src/lib/server/db/client.ts';
import { insertRepo } from '../../src/lib/server/db/repos.ts';
import { events as eventTable } from '../../src/lib/server/db/schema.ts';
import { insertSession } from '../../src/lib/server/db/sessions.ts';

/** Inserts a repo that is ready; its id. */
export const insertTestRepo = async (db: Database): Promise<string> => {
	const id = randomUUID();
	await insertRepo(db, {
		id,
		kind: 'local',
		identity: `local:/${id}`,
		owner: 'local',
		name: 'a',
		url: '/a',
		mirrorPath: `repos/local/${id}.git`,
		status: 'ready'
	});
	return id;
};

/** Inserts a session that waits for input, in the epoch given; its id. */
export const insertTestSession = async (
	db: Database,
	repoId: string,
	{
		epoch = 1,
		conversationId = randomUUID() as string,
		...state
	}: Partial<SessionState> & {
		conversationId?: string;
	} = {}
): Promise<SessionId> => {
	const id = randomUUID() as SessionId;
	await insertSession(db, {
		id,
		repoId,
		role: 'implementer',
		title: 't',
		goalPrompt: 'p',
		branchName: `agent/${id}`,
		baseBranch: 'main',
		permissionMode: 'full',
		conversationId,
		epoch,
		status: 'waiting',
		state: { ...initialSessionState(), status: 'waiting', waitingFor: 'input', ...state, epoch }
	});
	return id;
};

/** Inserts the log of a session that has no row; the session's id. */
export const insertTestLog = async (
	db: Database,
	events: readonly SessionEvent[],
	sessionId = randomUUID() as SessionId
): Promise<SessionId> => {
	const rows = events.map((event) => ({ ...event, sessionId, ts: new Date(event.ts) }));
	for (let at = 0; at < rows.length; at += 1_000) {
		await db.insert(eventTable).values(rows.slice(at, at + 1_000));
	}
	return sessionId;
};
