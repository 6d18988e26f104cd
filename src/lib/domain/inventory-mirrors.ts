/** The part of the inventory about mirrors and the refs in them. */
import type { Finding, Repair } from '@agent-manager/protocol/health.ts';
import { finding, foreign, FRESH_MS, itemsOf, STALE_MS } from './finding.ts';
import type { Listings, RefFact, RepoFact, Rows, SessionFact } from './inventory-facts.ts';

const CLONE_AGAIN: Repair = {
	action: 'clone_again',
	label: 'Clone it again',
	consequence: 'Branches of sessions come back from their worktrees.',
	safe: true
};

const compareFolders = (listings: Listings, { repos }: Rows, nowMs: number): Finding[] => {
	const { mirrors, mirrorLeftovers } = listings;
	const there = new Set(itemsOf(mirrors).map(({ path }) => path));
	const wanted = new Set(repos.map(({ mirrorPath }) => mirrorPath));
	const ghosts = !mirrors.ok
		? []
		: repos
				.filter((repo) => repo.status === 'ready' && !repo.busy && !there.has(repo.mirrorPath))
				.map(({ id, name, mirrorPath }) =>
					finding({
						...{ class: 'ghost', kind: 'mirror', name: mirrorPath, repoId: id },
						cause: `The mirror of ${name} was removed from outside.`,
						repair: CLONE_AGAIN
					})
				);
	const orphans = itemsOf(mirrors)
		.filter(({ path, sinceMs }) => !wanted.has(path) && nowMs - sinceMs >= FRESH_MS)
		.map(({ path, sinceMs }) =>
			finding({
				...{ class: 'orphan', kind: 'mirror', name: path, sinceMs },
				cause:
					'A mirror of a repo that is not registered: the database is another one, or was reset.',
				repair: {
					action: 'remove_mirror',
					label: 'Save unpushed commits, remove the mirror',
					consequence:
						'Commits that no remote has are first written to a bundle in saved/. Worktrees that borrow from this mirror stop working.',
					safe: false
				}
			})
		);
	const leftovers = itemsOf(mirrorLeftovers).map(({ name, isFolder, sinceMs }) =>
		name.startsWith('repos/?')
			? foreign(name.replace('?', ''), 'Not a mirror of the app.', sinceMs)
			: finding({
					...{ class: 'leftover', kind: 'file', name, sinceMs },
					cause: isFolder
						? 'A mirror that was being deleted.'
						: 'Half of what was being taken in or fetched when the app was killed.',
					repair: {
						action: 'remove_leftover',
						label: 'Remove the leftover',
						consequence: 'It was never finished, and nothing refers to it.',
						safe: true
					}
				})
	);
	return [...ghosts, ...orphans, ...leftovers.filter((it) => isStale(it, nowMs))];
};

const isStale = ({ class: is, since }: Finding, nowMs: number): boolean =>
	is === 'foreign' || since === null || nowMs - Date.parse(since) >= STALE_MS;

const branchOf = (ref: string): string => ref.replace(/^refs\/(heads|base)\//, '');

const orphanedRefs = (refs: readonly RefFact[], repo: RepoFact, rows: Rows): Finding[] => {
	const branches = new Set(
		rows.sessions.filter(({ repoId }) => repoId === repo.id).map(({ branchName }) => branchName)
	);
	return refs.flatMap(({ ref, sinceMs, unpushed }) => {
		const base = { name: `${repo.name}: ${ref}`, repoId: repo.id, sinceMs };
		if (ref.startsWith('refs/saved/')) return [savedRef(base, ref, unpushed)];
		if (branches.has(branchOf(ref))) return [];
		if (ref.startsWith('refs/base/')) {
			return [
				finding({
					...{ ...base, class: 'orphan', kind: 'base' },
					cause: 'Keeps the commit that a session began from; the session is gone.',
					repair: {
						action: 'remove_base',
						label: 'Remove the ref',
						consequence: 'The commit is upstream’s, or below a branch that is kept.',
						safe: true
					}
				})
			];
		}
		return [
			finding({
				...{ ...base, class: 'orphan', kind: 'branch' },
				cause: 'A session’s branch, and no session has it.',
				repair: {
					action: 'keep_branch',
					label: 'Move it to the saved commits',
					consequence: 'Commits that no remote has stay under refs/saved; the name becomes free.',
					safe: true
				}
			})
		];
	});
};

const savedRef = (
	base: { name: string; repoId: string; sinceMs: number },
	ref: string,
	unpushed: boolean | null
): Finding =>
	finding({
		...{ ...base, class: 'kept', kind: 'saved_commits' },
		sessionId: ref.split('/')[2] ?? null,
		cause:
			unpushed === false
				? 'Commits of a purged session; the upstream has them by now.'
				: 'Commits of a purged session that are on no remote.',
		repair: {
			action: 'drop_saved',
			label: 'Forget these commits',
			consequence:
				unpushed === false
					? 'The upstream has them: nothing is lost.'
					: 'They are on no remote: git deletes them when it next tidies up.',
			safe: false
		}
	});

/** What a session’s row knows and its mirror does not: the mirror was made anew. */
const lostRefs = (
	refs: readonly RefFact[],
	repo: RepoFact,
	sessions: readonly SessionFact[],
	nowMs: number
): Finding[] => {
	const there = new Set(refs.map(({ ref }) => ref));
	return sessions.flatMap((session) => {
		const { id, branchName, busy, purging, updatedAtMs } = session;
		if (session.repoId !== repo.id || busy || purging || nowMs - updatedAtMs < FRESH_MS) return [];
		const base = {
			class: 'ghost' as const,
			sessionId: id,
			repoId: repo.id,
			sinceMs: updatedAtMs
		};
		const found: Finding[] = [];
		if (session.baseCommit !== null && !there.has(`refs/base/${branchName}`)) {
			found.push(
				finding({
					...{ ...base, kind: 'base', name: `${repo.name}: refs/base/${branchName}` },
					cause: `Where “${session.title}” began is not kept in the mirror.`,
					repair: {
						action: 'restore_base',
						label: 'Keep the commit again',
						consequence: 'One ref is written; the commit comes from the mirror or the upstream.',
						safe: true
					}
				})
			);
		}
		if (session.headCommit !== null && !there.has(`refs/heads/${branchName}`)) {
			found.push(
				finding({
					...{ ...base, kind: 'branch', name: `${repo.name}: refs/heads/${branchName}` },
					cause: `The commits of “${session.title}” are not in the mirror.`,
					repair: {
						action: 'restore_branch',
						label: 'Bring the commits in again',
						consequence: 'From the mirror’s objects if they are there, else from the worktree.',
						safe: true
					}
				})
			);
		}
		return found;
	});
};

export const compareMirrors = (listings: Listings, rows: Rows, nowMs: number): Finding[] => {
	const { mirrors, refs } = listings;
	const there = new Set(itemsOf(mirrors).map(({ path }) => path));
	const inMirrors = rows.repos.flatMap((repo) => {
		if (repo.busy || repo.status !== 'ready' || !there.has(repo.mirrorPath) || !refs.ok) return [];
		const own = itemsOf(refs).filter(({ mirrorPath }) => mirrorPath === repo.mirrorPath);
		return [...lostRefs(own, repo, rows.sessions, nowMs), ...orphanedRefs(own, repo, rows)];
	});
	return [...compareFolders(listings, rows, nowMs), ...inMirrors];
};
