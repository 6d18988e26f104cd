/** What GitHub last said of sessions' branches: kept, so that a restart neither forgets it nor asks anew. */
import { eq, sql } from 'drizzle-orm';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { Database } from './client.ts';
import { pullLooks } from './schema.ts';
import { storableValue } from './storable-json.ts';

export type PullLook = typeof pullLooks.$inferSelect;

export const findPullLook = async (
	db: Database,
	sessionId: SessionId
): Promise<PullLook | null> => {
	const [row] = await db.select().from(pullLooks).where(eq(pullLooks.sessionId, sessionId));
	return row ?? null;
};

export const savePullLook = async (db: Database, look: PullLook): Promise<void> => {
	const { sessionId, ...rest } = storableValue({ ...look, checkedAt: null });
	const values = { ...rest, checkedAt: look.checkedAt };
	await db
		.insert(pullLooks)
		.values({ sessionId, ...values })
		.onConflictDoUpdate({ target: pullLooks.sessionId, set: values });
};

export interface PushedSession extends Record<string, unknown> {
	sessionId: SessionId;
	pushedCommit: string;
}

/** Sessions whose branch was pushed and that are not in the archive. */
export const listPushedSessions = async (
	db: Database
): Promise<(PushedSession & { look: PullLook | null })[]> => {
	const { rows } = await db.execute<PushedSession>(
		sql`select id as "sessionId", state->>'pushedCommit' as "pushedCommit" from sessions
			where archived_at is null and state->>'pushedCommit' is not null order by created_at`
	);
	const looks = new Map((await db.select().from(pullLooks)).map((look) => [look.sessionId, look]));
	return rows.map((row) => ({ ...row, look: looks.get(row.sessionId) ?? null }));
};
