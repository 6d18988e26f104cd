/** The part of the inventory about what each session has: sandbox, worktree, folder, door. */
import type { Finding, Repair } from '@agent-manager/protocol/health.ts';
import { finding, foreign, FRESH_MS, isSessionId, itemsOf, STALE_MS } from './finding.ts';
import type { Listings, Rows, SandboxFact, SessionFact } from './inventory-facts.ts';

const REMOVE_SANDBOX: Repair = {
	action: 'remove_sandbox',
	label: 'Remove the sandbox',
	consequence: 'Worktrees, session folders and commits are outside of it and stay.',
	safe: true
};

const compareSandbox = (
	sandbox: SandboxFact,
	sessions: ReadonlyMap<string, SessionFact>,
	nowMs: number
): Finding[] => {
	const { owner, name, sinceMs } = sandbox;
	const age = sinceMs === null ? STALE_MS : nowMs - sinceMs;
	const base = { kind: 'sandbox' as const, name, sinceMs, sessionId: sandbox.session };
	switch (owner) {
		case 'foreign':
			return [
				finding({
					...base,
					class: 'foreign',
					sessionId: null,
					cause: 'It has a name like ours and not our label: somebody else’s, so it is left alone.'
				})
			];
		case 'once':
			if (age < STALE_MS) return [];
			return [
				finding({
					...base,
					class: 'leftover',
					cause: 'Made for one short program, whose end nobody waited for.',
					repair: REMOVE_SANDBOX
				})
			];
		case 'broken':
			if (age < FRESH_MS) return [];
			return [
				finding({
					...base,
					class: 'leftover',
					cause: 'A sandbox whose making was cut off: its record is not whole.',
					repair: REMOVE_SANDBOX
				})
			];
		case 'session': {
			if (sandbox.session !== null && sessions.has(sandbox.session)) return [];
			return [
				finding({
					...base,
					class: 'orphan',
					cause: 'Its session is gone: it was purged, or the database is another one.',
					repair: REMOVE_SANDBOX
				})
			];
		}
	}
};

const REMOVE_WORKTREE: Repair = {
	action: 'remove_worktree',
	label: 'Save the commits, remove the worktree',
	consequence:
		'Its branch’s commits are first kept in the mirror under refs/saved. Files that were never committed are lost.',
	safe: false
};

const REMOVE_LEFTOVER: Repair = {
	action: 'remove_leftover',
	label: 'Remove the leftover',
	consequence: 'It was never finished, and nothing refers to it.',
	safe: true
};

/** `.<session>.new`: a checkout that was never finished. */
const unfinishedOf = (name: string): string | null => /^\.(.{36})\.new$/.exec(name)?.[1] ?? null;

const orphanedWorktrees = (
	{ worktrees }: Listings,
	sessions: ReadonlyMap<string, SessionFact>,
	nowMs: number
): Finding[] =>
	itemsOf(worktrees).flatMap(({ name, isFolder, sinceMs }) => {
		const path = `worktrees/${name}`;
		const unfinished = unfinishedOf(name);
		if (unfinished !== null) {
			const isAtWork = sessions.get(unfinished)?.busy === true || nowMs - sinceMs < FRESH_MS;
			if (isAtWork) return [];
			const cause = 'A checkout that was cut off before it was whole.';
			return [
				finding({
					...{ class: 'leftover', kind: 'worktree', name: path, sinceMs, cause },
					repair: REMOVE_LEFTOVER
				})
			];
		}
		if (!isFolder || !isSessionId(name)) {
			return [foreign(path, 'Not a worktree of the app.', sinceMs)];
		}
		if (sessions.has(name)) return [];
		return [
			finding({
				class: 'orphan',
				kind: 'worktree',
				name: path,
				sessionId: name,
				sinceMs,
				cause:
					'The session of this worktree has no row: the database is another one, or was reset.',
				repair: REMOVE_WORKTREE
			})
		];
	});

const orphanedFolders = (
	{ sessionFolders }: Listings,
	sessions: ReadonlyMap<string, SessionFact>
): Finding[] =>
	itemsOf(sessionFolders).flatMap(({ name, isFolder, sinceMs }) => {
		const path = `sessions/${name}`;
		if (!isFolder || !isSessionId(name)) {
			return [foreign(path, 'Not a session folder of the app.', sinceMs)];
		}
		if (sessions.has(name)) return [];
		return [
			finding({
				class: 'orphan',
				kind: 'session_folder',
				name: path,
				sessionId: name,
				sinceMs,
				cause: 'The conversation and outbox of a session that has no row.',
				repair: {
					action: 'remove_session_folder',
					label: 'Remove the session folder',
					consequence: 'The agent’s conversation in it can then not be resumed by anything.',
					safe: false
				}
			})
		];
	});

const ghosts = (
	{ worktrees, sessionFolders }: Listings,
	{ sessions }: Rows,
	nowMs: number
): Finding[] => {
	const checkouts = new Set(itemsOf(worktrees).map(({ name }) => name));
	const folders = new Set(itemsOf(sessionFolders).map(({ name }) => name));
	return sessions.flatMap((session) => {
		const { id, repoId, updatedAtMs, hadWorktree, purging } = session;
		if (!hadWorktree || purging || session.busy || nowMs - updatedAtMs < FRESH_MS) return [];
		const base = { class: 'ghost' as const, sessionId: id, repoId, sinceMs: updatedAtMs };
		const found: Finding[] = [];
		if (worktrees.ok && !checkouts.has(id)) {
			const at = session.headCommit ?? session.baseCommit;
			found.push(
				finding({
					...base,
					kind: 'worktree',
					name: `worktrees/${id}`,
					cause: `The worktree of “${session.title}” was removed from outside. Its last commit that came in: ${at?.slice(0, 12) ?? 'none'}.`,
					repair: {
						action: 'restore_worktree',
						label: 'Make the worktree again',
						consequence:
							'At the last commit that came in. What was not committed is gone already. Resume does the same by itself.',
						safe: false
					}
				})
			);
		}
		if (sessionFolders.ok && !folders.has(id)) {
			found.push(
				finding({
					...base,
					kind: 'session_folder',
					name: `sessions/${id}`,
					cause: `The conversation of “${session.title}” was removed from outside. Its transcript is in the database; Resume begins a new conversation.`
				})
			);
		}
		return found;
	});
};

const staleSockets = ({ sockets }: Listings, { openDoors }: Rows, nowMs: number): Finding[] =>
	itemsOf(sockets)
		.filter(({ session, sinceMs }) => !openDoors.has(session) && nowMs - sinceMs >= FRESH_MS)
		.map(({ session, sinceMs }) =>
			finding({
				class: 'leftover',
				kind: 'socket',
				name: `sessions/${session}/door/door.sock`,
				sessionId: session,
				sinceMs,
				cause: 'The door of a session that has no sandbox; nobody listens.',
				repair: {
					action: 'remove_socket',
					label: 'Remove the socket',
					consequence: 'The next start makes a new one.',
					safe: true
				}
			})
		);

export const compareSessions = (listings: Listings, rows: Rows, nowMs: number): Finding[] => {
	const sessions = new Map(rows.sessions.map((session) => [session.id, session]));
	return [
		...ghosts(listings, rows, nowMs),
		...itemsOf(listings.sandboxes).flatMap((it) => compareSandbox(it, sessions, nowMs)),
		...orphanedWorktrees(listings, sessions, nowMs),
		...orphanedFolders(listings, sessions),
		...staleSockets(listings, rows, nowMs)
	];
};
