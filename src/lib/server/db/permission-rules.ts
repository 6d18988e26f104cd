/** The rules of repos. Those that come with an answer are written by `event-log.ts`, in one statement with it. */
import { and, asc, eq, sql } from 'drizzle-orm';
import type { RepoId } from '@agent-manager/protocol/ids.ts';
import type { RepoRule } from '@agent-manager/protocol/repo.ts';
import type { Database } from './client.ts';
import { permissionRules } from './schema.ts';

type RuleRow = typeof permissionRules.$inferSelect;

const toRule = ({ rule, createdAt }: RuleRow): RepoRule => ({
	rule,
	createdAt: createdAt.toISOString()
});

/** Oldest first. */
export const listRules = async (db: Database, repoId: RepoId): Promise<RepoRule[]> => {
	const rows = await db
		.select()
		.from(permissionRules)
		.where(eq(permissionRules.repoId, repoId))
		.orderBy(asc(permissionRules.createdAt), asc(permissionRules.rule));
	return rows.map(toRule);
};

/** Of every repo that has some. */
export const listAllRules = async (db: Database): Promise<Map<string, RepoRule[]>> => {
	const rows = await db
		.select()
		.from(permissionRules)
		.orderBy(asc(permissionRules.createdAt), asc(permissionRules.rule));
	const byRepo = new Map<string, RepoRule[]>();
	for (const row of rows) byRepo.set(row.repoId, [...(byRepo.get(row.repoId) ?? []), toRule(row)]);
	return byRepo;
};

/** One that comes in the place of another keeps its place in the list. One that is there stays as it is. */
export const addRule = async (
	db: Database,
	repoId: RepoId,
	rule: string,
	replaces: string | undefined
): Promise<void> => {
	await db.transaction(async (tx) => {
		const [replaced] =
			replaces === undefined || replaces === rule
				? []
				: await tx
						.delete(permissionRules)
						.where(and(eq(permissionRules.repoId, repoId), eq(permissionRules.rule, replaces)))
						.returning();
		const createdAt = replaced?.createdAt ?? sql`now()`;
		await tx.insert(permissionRules).values({ repoId, rule, createdAt }).onConflictDoNothing();
	});
};

export const removeRule = async (db: Database, repoId: RepoId, rule: string): Promise<void> => {
	await db
		.delete(permissionRules)
		.where(and(eq(permissionRules.repoId, repoId), eq(permissionRules.rule, rule)));
};
