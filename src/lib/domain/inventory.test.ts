import { describe, expect, it } from 'vitest';
import type { Finding } from '@agent-manager/protocol/health.ts';
import type {
	Listings,
	RefFact,
	RepoFact,
	Rows,
	SandboxFact,
	SessionFact
} from './inventory-facts.ts';
import { failuresOf, mendsItself, needsPerson, takeInventory } from './inventory.ts';

const NOW = Date.parse('2026-11-26T12:00:00Z');
const OLD = NOW - 3 * 60 * 60_000;
const YOUNG = NOW - 1_000;
const A = '11111111-1111-4111-8111-111111111111';
const B = '22222222-2222-4222-8222-222222222222';
const COMMIT = 'a'.repeat(40);

const ok = <T>(...items: T[]) => ({ ok: true as const, items });
const failed = (problem: string) => ({ ok: false as const, problem });

const session = (change: Partial<SessionFact> = {}): SessionFact => ({
	...{ id: A, repoId: 'r', title: 'Fix', branchName: 'agent/fix', status: 'stopped' },
	...{ purging: false, hadWorktree: true, baseCommit: COMMIT, headCommit: COMMIT },
	...{ busy: false, updatedAtMs: OLD },
	...change
});
const repo = (change: Partial<RepoFact> = {}): RepoFact => ({
	...{ id: 'r', name: 'o/n', mirrorPath: 'repos/o/n.git', status: 'ready', busy: false },
	...change
});
const ref = (name: string, unpushed: boolean | null = null): RefFact => ({
	...{ mirrorPath: 'repos/o/n.git', ref: name, commit: COMMIT, sinceMs: OLD, unpushed }
});
const entry = (name: string, sinceMs = OLD, isFolder = true) => ({ name, isFolder, sinceMs });
const sandbox = (change: Partial<SandboxFact>): SandboxFact => ({
	...{ kind: 'docker', id: 'c1', name: 'agent-session-x', owner: 'session', session: A },
	...{ running: true, sinceMs: OLD },
	...change
});

/** All is as it should be for one session of one repo. */
const sound = (): Listings => ({
	sandboxes: ok(),
	worktrees: ok(entry(A)),
	sessionFolders: ok(entry(A)),
	sockets: ok(),
	mirrors: ok({ path: 'repos/o/n.git', sinceMs: OLD }),
	mirrorLeftovers: ok(),
	refs: ok(ref('refs/heads/agent/fix'), ref('refs/base/agent/fix')),
	bundles: ok(),
	root: ok(entry('repos'), entry('token', OLD, false)),
	events: ok()
});
const rows = (change: Partial<Rows> = {}): Rows => ({
	sessions: [session()],
	repos: [repo()],
	openDoors: new Set(),
	...change
});
const look = (change: Partial<Listings>, changed: Partial<Rows> = {}): Finding[] =>
	takeInventory({ ...sound(), ...change }, rows(changed), NOW);
const told = (found: Finding[]): string[] =>
	found.map(
		(it) =>
			`${it.class} ${it.kind} → ${it.repair?.action ?? 'nothing'}${mendsItself(it) ? '!' : ''}`
	);

describe('takeInventory', () => {
	it('finds nothing where everything is as it should be', () => {
		expect(look({})).toEqual([]);
	});

	const cases: [string, Partial<Listings>, Partial<Rows>, string[]][] = [
		['a sandbox of a session', { sandboxes: ok(sandbox({})) }, {}, []],
		[
			'a sandbox of no session',
			{ sandboxes: ok(sandbox({ session: B })) },
			{},
			['orphan sandbox → remove_sandbox!']
		],
		[
			'a container with our name and not our label',
			{ sandboxes: ok(sandbox({ owner: 'foreign', session: null })) },
			{},
			['foreign sandbox → nothing']
		],
		[
			'a short program that runs',
			{ sandboxes: ok(sandbox({ owner: 'once', sinceMs: YOUNG })) },
			{},
			[]
		],
		[
			'a short program that was forgotten',
			{ sandboxes: ok(sandbox({ owner: 'once' })) },
			{},
			['leftover sandbox → remove_sandbox!']
		],
		[
			'a sandbox that is being made',
			{ sandboxes: ok(sandbox({ owner: 'broken', sinceMs: YOUNG })) },
			{},
			[]
		],
		[
			'a sandbox whose making was cut off',
			{ sandboxes: ok(sandbox({ owner: 'broken' })) },
			{},
			['leftover sandbox → remove_sandbox!']
		],
		['a worktree that is gone', { worktrees: ok() }, {}, ['ghost worktree → restore_worktree']],
		['… of a session at work', { worktrees: ok() }, { sessions: [session({ busy: true })] }, []],
		[
			'… that never had one',
			{ worktrees: ok() },
			{ sessions: [session({ hadWorktree: false })] },
			[]
		],
		['… that is being purged', { worktrees: ok() }, { sessions: [session({ purging: true })] }, []],
		[
			'… that moved just now',
			{ worktrees: ok() },
			{ sessions: [session({ updatedAtMs: YOUNG })] },
			[]
		],
		[
			'a session folder that is gone',
			{ sessionFolders: ok() },
			{},
			['ghost session_folder → nothing']
		],
		[
			'a worktree of no session',
			{ worktrees: ok(entry(A), entry(B)) },
			{},
			['orphan worktree → remove_worktree']
		],
		[
			'a session folder of no session',
			{ sessionFolders: ok(entry(A), entry(B)) },
			{},
			['orphan session_folder → remove_session_folder']
		],
		[
			'a checkout that was cut off',
			{ worktrees: ok(entry(A), entry(`.${B}.new`)) },
			{},
			['leftover worktree → remove_leftover!']
		],
		[
			'a checkout that is being made',
			{ worktrees: ok(entry(A), entry(`.${B}.new`, YOUNG)) },
			{},
			[]
		],
		[
			'somebody’s own folder',
			{ worktrees: ok(entry(A), entry('notes')), root: ok(entry('backup.tar', OLD, false)) },
			{},
			['foreign file → nothing', 'foreign file → nothing']
		],
		[
			'a file with a session’s name',
			{ worktrees: ok(entry(A), entry(B, OLD, false)) },
			{},
			['foreign file → nothing']
		],
		[
			'a socket that nobody listens at',
			{ sockets: ok({ session: A, sinceMs: OLD }) },
			{},
			['leftover socket → remove_socket!']
		],
		[
			'an open door',
			{ sockets: ok({ session: A, sinceMs: OLD }) },
			{ openDoors: new Set([A]) },
			[]
		],
		['a mirror that is gone', { mirrors: ok(), refs: ok() }, {}, ['ghost mirror → clone_again!']],
		['… while it is cloned', { mirrors: ok(), refs: ok() }, { repos: [repo({ busy: true })] }, []],
		[
			'… and never was there',
			{ mirrors: ok(), refs: ok() },
			{ repos: [repo({ status: 'error' })] },
			[]
		],
		[
			'a mirror of no repo',
			{
				mirrors: ok({ path: 'repos/o/n.git', sinceMs: OLD }, { path: 'repos/x.git', sinceMs: OLD })
			},
			{},
			['orphan mirror → remove_mirror']
		],
		[
			'half a pack',
			{ mirrorLeftovers: ok(entry('repos/o/n.git/objects/pack/tmp_x', OLD, false)) },
			{},
			['leftover file → remove_leftover!']
		],
		[
			'a pack that comes in just now',
			{ mirrorLeftovers: ok(entry('repos/o/n.git/incoming/x.bundle', YOUNG, false)) },
			{},
			[]
		],
		[
			'refs that the mirror has lost',
			{ refs: ok() },
			{},
			['ghost base → restore_base!', 'ghost branch → restore_branch!']
		],
		[
			'… of a session without commits',
			{ refs: ok(ref('refs/base/agent/fix')) },
			{ sessions: [session({ headCommit: null })] },
			[]
		],
		[
			'refs of no session',
			{
				refs: ok(
					...['refs/heads/agent/fix', 'refs/base/agent/fix'].map((name) => ref(name)),
					...['refs/heads/agent/gone', 'refs/base/agent/gone'].map((name) => ref(name))
				)
			},
			{},
			['orphan branch → keep_branch!', 'orphan base → remove_base!']
		],
		[
			'saved commits',
			{
				refs: ok(
					...['refs/heads/agent/fix', 'refs/base/agent/fix'].map((name) => ref(name)),
					ref(`refs/saved/${B}/agent/gone`, true)
				)
			},
			{},
			['kept saved_commits → drop_saved']
		],
		[
			'a bundle',
			{ bundles: ok(entry('n-2026.bundle', OLD, false)) },
			{},
			['kept bundle → remove_bundle']
		],
		[
			'events of no session',
			{ events: ok({ session: B, count: 7 }) },
			{},
			['orphan events → remove_events']
		]
	];
	it.each(cases)('%s', (_name, listings, changed, expected) => {
		expect(told(look(listings, changed))).toEqual(expected);
	});

	it('concludes nothing from a listing that failed', () => {
		const away = failed('away');
		const listings: Listings = {
			...{ sandboxes: away, worktrees: away, sessionFolders: away, sockets: away, refs: away },
			...{ mirrors: away, mirrorLeftovers: away, bundles: away, root: away, events: away }
		};
		expect(takeInventory(listings, rows(), NOW)).toEqual([]);
		expect(failuresOf(listings)).toHaveLength(10);
	});

	it('takes an empty list for what it is', () => {
		expect(told(look({ worktrees: ok(), sessionFolders: ok() }))).toHaveLength(2);
	});

	it('asks a person for what could lose work, and for nothing else', () => {
		const waiting = (listings: Partial<Listings>): boolean[] => look(listings).map(needsPerson);
		expect(waiting({ worktrees: ok(entry(A), entry(B)) })).toEqual([true]);
		expect(waiting({ sockets: ok({ session: A, sinceMs: OLD }) })).toEqual([false]);
		expect(waiting({ bundles: ok(entry('n.bundle', OLD, false)) })).toEqual([false]);
		expect(waiting({ worktrees: ok(entry(A), entry('notes')) })).toEqual([false]);
	});

	it('names the same difference alike at every look', () => {
		const [once] = look({ worktrees: ok() });
		const [again] = takeInventory({ ...sound(), worktrees: ok() }, rows(), NOW + 60_000);
		expect(again?.id).toBe(once?.id);
	});
});
