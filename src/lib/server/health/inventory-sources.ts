/**
 * The listings and rows that an inventory compares. Things first, rows after them: so what has no row
 * then has none, and was not made in between.
 */
import { join } from 'node:path';
import { failuresOf } from '#lib/domain/inventory.ts';
import type {
	EntryFact,
	Listing,
	Listings,
	RepoFact,
	Rows,
	SandboxFact,
	SessionFact,
	SocketFact
} from '#lib/domain/inventory-facts.ts';
import type { Database } from '#lib/server/db/client.ts';
import { databaseErrorMessage } from '#lib/server/db/connection-errors.ts';
import {
	listOrphanedEvents,
	listSessionOverviews,
	type SessionOverview
} from '#lib/server/db/health-queries.ts';
import { listRepos, type RepoRow } from '#lib/server/db/repos.ts';
import type { Git } from '#lib/server/git/exec.ts';
import { listSessionRefs } from '#lib/server/git/session-refs.ts';
import { listEntries, listMirrors } from '#lib/server/git/workspace-listing.ts';
import type { SandboxDriver } from '#lib/server/runner/sandbox/driver.ts';

export interface InventorySourcesOptions {
	db: Database;
	git: Git;
	workspaceRoot: string;
	instance: string;
	drivers: () => readonly SandboxDriver[];
	listDoorSockets: (folders: Listing<EntryFact>) => Promise<Listing<SocketFact>>;
	openDoors: () => ReadonlySet<string>;
	/** A step is on its way for the session, or it has a sandbox. */
	isSessionAtWork: (sessionId: string) => boolean;
	isRepoAtWork: (repoId: string) => boolean;
}

/** What the drivers have; of those that could not say, why. */
const listSandboxes = async ({ drivers, instance }: InventorySourcesOptions) => {
	const items: SandboxFact[] = [];
	const problems = new Map<string, string>();
	for (const driver of drivers()) {
		const surveyed = await driver.survey(instance);
		if (!surveyed.ok) {
			const { message } = surveyed.error;
			problems.set(driver.kind, `Sandboxes of ${driver.kind} could not be listed: ${message}`);
			continue;
		}
		for (const { name, owner, ref, running, sinceMs } of surveyed.value) {
			const session = ref?.labels.session ?? null;
			const id = ref?.id ?? name;
			items.push({ kind: driver.kind, id, name, owner, session, running, sinceMs });
		}
	}
	return { items, problems };
};

const listRefs = async (
	{ git, workspaceRoot }: InventorySourcesOptions,
	repos: readonly RepoRow[],
	there: ReadonlySet<string>
): Promise<Listings['refs']> => {
	const lists = repos
		.filter(({ mirrorPath }) => there.has(mirrorPath))
		.map(({ mirrorPath }) => listSessionRefs(git, join(workspaceRoot, mirrorPath), mirrorPath));
	const listed = await Promise.all(lists);
	const failed = listed.find((list) => !list.ok);
	return failed ?? { ok: true, items: listed.flatMap((list) => (list.ok ? list.items : [])) };
};

const listEvents = (db: Database): Promise<Listings['events']> =>
	listOrphanedEvents(db).then(
		(items) => ({ ok: true, items }),
		(cause: unknown) => ({ ok: false, problem: databaseErrorMessage(cause) })
	);

const toSessionFact = (
	row: SessionOverview,
	{ isSessionAtWork }: InventorySourcesOptions
): SessionFact => ({
	id: row.id,
	repoId: row.repoId,
	title: row.title,
	branchName: row.branchName,
	status: row.status,
	purging: row.desired === 'purged',
	hadWorktree: row.baseCommit !== null,
	baseCommit: row.baseCommit,
	headCommit: row.headCommit,
	busy: isSessionAtWork(row.id),
	updatedAtMs: row.updatedAtMs
});

const toRepoFact = (row: RepoRow, { isRepoAtWork }: InventorySourcesOptions): RepoFact => ({
	id: row.id,
	name: `${row.owner}/${row.name}`,
	mirrorPath: row.mirrorPath,
	status: row.status,
	busy: isRepoAtWork(row.id)
});

export interface InventoryInput {
	listings: Listings;
	rows: Rows;
	sessions: readonly SessionOverview[];
	repos: readonly RepoRow[];
	/** Listings that failed, in words. */
	failures: string[];
}

/** Throws what the database throws: without rows nothing can be said. */
export const readInventoryInput = async (
	options: InventorySourcesOptions
): Promise<InventoryInput> => {
	const { db, workspaceRoot } = options;
	const before = await listRepos(db);
	const [sandboxes, worktrees, sessionFolders, mirrors, bundles, root, events] = await Promise.all([
		listSandboxes(options),
		listEntries(workspaceRoot, 'worktrees'),
		listEntries(workspaceRoot, 'sessions'),
		listMirrors(workspaceRoot),
		listEntries(workspaceRoot, 'saved'),
		listEntries(workspaceRoot, ''),
		listEvents(db)
	]);
	const sockets = await options.listDoorSockets(sessionFolders);
	const there = new Set(mirrors.mirrors.ok ? mirrors.mirrors.items.map(({ path }) => path) : []);
	const refs = await listRefs(options, before, there);
	const openDoors = options.openDoors();
	const [sessions, repos] = await Promise.all([listSessionOverviews(db), listRepos(db)]);
	const listings: Listings = {
		...{ worktrees, sessionFolders, sockets, refs, bundles, root, events },
		sandboxes: { ok: true, items: sandboxes.items },
		mirrors: mirrors.mirrors,
		mirrorLeftovers: mirrors.leftovers
	};
	// A driver that no session has ever used is not missed.
	const used = new Set(sessions.map(({ driver }) => driver));
	const away = [...sandboxes.problems].flatMap(([kind, why]) => (used.has(kind) ? why : []));
	return {
		sessions,
		repos,
		listings,
		failures: [...away, ...new Set(failuresOf(listings))],
		rows: {
			sessions: sessions.map((row) => toSessionFact(row, options)),
			repos: repos.map((row) => toRepoFact(row, options)),
			openDoors
		}
	};
};
