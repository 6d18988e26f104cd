/**
 * A session with a log of any length, written into an app's database as it stands: stopped, so that nobody
 * does anything about it. Its turns are like real ones, and every hundredth event is an error.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { evolve } from '../../src/lib/domain/session-machine.ts';
import { initialSessionState } from '../../src/lib/domain/session-state.ts';
import { startEmbeddedPostgres } from '../../src/lib/server/db/embedded-postgres.ts';
import { events as table } from '../../src/lib/server/db/schema.ts';
import { insertSession } from '../../src/lib/server/db/sessions.ts';
import { LogWriter } from './transcript-events.ts';

const BATCH = 2_000;
const PROSE =
	'The parser reads one token ahead and keeps what it has not used. A change of its table costs nothing at run time. '.repeat(
		4
	);

/** One turn of a dozen events. */
const writeTurn = (log: LogWriter, turn: number): void => {
	const id = `turn-${turn}`;
	log.accepted(id, `Step ${turn}: look at the parser again, please.`);
	log.turnStarted(id);
	for (let call = 0; call < 4; call++) {
		const key = `${id}-${call}`;
		log.calls(`m-${key}`, `t-${key}`, 'Bash', { command: `grep -n token_${turn} src/${call}.ts` });
		const isError = turn % 8 === 7 && call === 3;
		const output = isError ? 'Exit code 1' : `src/${call}.ts:${turn}: ${PROSE}`;
		log.result(`t-${key}`, output, undefined, { isError });
	}
	log.text(`m-${id}`, `In step ${turn}, **nothing** was wrong. ${PROSE}`);
	log.turnEnded(id);
};

/** At least `count` events, up to the end of a turn. */
const longLog = (count: number): SessionEvent[] => {
	const log = new LogWriter();
	log.created('Read it all');
	log.manager('worktree.created', { baseCommit: 'a'.repeat(40), baseAgeSeconds: null });
	for (let turn = 1; log.events.length < count - 1; turn++) writeTurn(log, turn);
	log.manager('session.stopped');
	return log.events;
};

/** The manager of the workspace must run, with its embedded database. */
export const storeLongSession = async (
	workspace: string,
	repoId: string,
	count: number
): Promise<{ id: SessionId; events: SessionEvent[] }> => {
	const server = await startEmbeddedPostgres({ folder: join(workspace, 'postgres') });
	if (!server.ok) throw new Error(server.error.message);
	const client = new pg.Client(server.value.url);
	await client.connect();
	const db = drizzle(client);
	const id = randomUUID() as SessionId;
	const events = longLog(count);
	const state = events.reduce(evolve, initialSessionState());
	try {
		for (let at = 0; at < events.length; at += BATCH) {
			const rows = events
				.slice(at, at + BATCH)
				.map((event) => ({ ...event, sessionId: id, ts: new Date(event.ts) }));
			await db.insert(table).values(rows);
		}
		await insertSession(db, {
			...{ id, repoId, role: 'implementer', title: `${count} events`, goalPrompt: 'Read it all' },
			...{ branchName: `agent/${id}`, baseBranch: 'main', permissionMode: 'full' },
			...{ conversationId: randomUUID(), epoch: 1, status: state.status, state },
			lastSeq: events.length
		});
	} finally {
		await client.end();
	}
	return { id, events };
};
