/** Registered repos. */
import { asc, eq } from 'drizzle-orm';
import type { RepoId } from '@agent-manager/protocol/ids.ts';
import type { Database } from './client.ts';
import { repos } from './schema.ts';

export type RepoRow = typeof repos.$inferSelect;
export type NewRepoRow = typeof repos.$inferInsert;
export type RepoChange = Partial<Omit<NewRepoRow, 'id' | 'createdAt'>>;

/** Inserts, or answers the id of the repo with the same identity. */
export const insertRepo = async (
	db: Database,
	row: NewRepoRow
): Promise<{ row: RepoRow } | { existingId: RepoId }> => {
	const [inserted] = await db
		.insert(repos)
		.values(row)
		.onConflictDoNothing({ target: repos.identity })
		.returning();
	if (inserted) return { row: inserted };
	const existing = await findRepoByIdentity(db, row.identity);
	if (!existing) return insertRepo(db, row);
	return { existingId: existing.id as RepoId };
};

export const findRepo = async (db: Database, id: RepoId): Promise<RepoRow | null> => {
	const [row] = await db.select().from(repos).where(eq(repos.id, id));
	return row ?? null;
};

export const findRepoByIdentity = async (
	db: Database,
	identity: string
): Promise<RepoRow | null> => {
	const [row] = await db.select().from(repos).where(eq(repos.identity, identity));
	return row ?? null;
};

/** In order of registration. */
export const listRepos = (db: Database): Promise<RepoRow[]> =>
	db.select().from(repos).orderBy(asc(repos.createdAt), asc(repos.id));

export const updateRepo = async (
	db: Database,
	id: RepoId,
	change: RepoChange
): Promise<RepoRow | null> => {
	const [row] = await db.update(repos).set(change).where(eq(repos.id, id)).returning();
	return row ?? null;
};

/** Its sessions' rows go with it. */
export const deleteRepo = async (db: Database, id: RepoId): Promise<void> => {
	await db.delete(repos).where(eq(repos.id, id));
};
