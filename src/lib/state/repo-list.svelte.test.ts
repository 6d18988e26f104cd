import { afterEach, beforeEach, expect, it } from 'vitest';
import { FakeSockets } from '../../../tests/support/fake-socket.ts';
import { REPO_ID, sampleRepo, sampleSession } from '../../../tests/support/sample-session.ts';
import { Connection } from './connection.svelte.ts';
import { RepoList } from './repo-list.svelte.ts';

let sockets: FakeSockets;
let connection: Connection;
let list: RepoList;

beforeEach(() => {
	sockets = new FakeSockets();
	connection = new Connection({ url: () => 'ws://test/ws', createSocket: sockets.create });
	list = new RepoList();
	list.follow(connection);
	connection.start();
	sockets.last.open();
});
afterEach(() => connection.stop());

const session = (id: string, over: Parameters<typeof sampleSession>[0] = {}) =>
	sampleSession({ id: id as never, ...over });
const send = (payload: object): void => sockets.last.receive('event', null, payload);
const snapshot = (repos: object[], sessions: object[]): void =>
	sockets.last.receive('snapshot', null, { type: 'repo_list', repos, sessions });

it('is loaded with the snapshot, sorted', () => {
	expect(list.loaded).toBe(false);
	snapshot(
		[sampleRepo({ id: 'b' as never, name: 'zeta' }), sampleRepo({ name: 'alpha' })],
		[
			session('old', { createdAt: '2026-11-01T00:00:00.000Z' }),
			session('new', { createdAt: '2026-11-02T00:00:00.000Z' })
		]
	);
	expect(list.loaded).toBe(true);
	expect(list.repos.map((repo) => repo.name)).toEqual(['alpha', 'zeta']);
	expect(list.sessionsOf(REPO_ID).map((s) => s.id)).toEqual(['new', 'old']);
});

it('follows rows as they come, change and go', () => {
	snapshot([sampleRepo()], [session('a')]);
	send({ type: 'session', session: session('b', { createdAt: '2026-12-01T00:00:00.000Z' }) });
	expect(list.sessions.map((s) => s.id)).toEqual(['b', 'a']);
	send({ type: 'session', session: session('a', { status: 'running', head: 3 }) });
	expect(list.session('a')?.status).toBe('running');
	send({ type: 'session_removed', sessionId: 'a', repoId: REPO_ID });
	expect(list.session('a')).toBeUndefined();
	send({ type: 'repo_removed', repoId: REPO_ID });
	expect(list.repos).toEqual([]);
	expect(list.sessions).toEqual([]);
});

it('does not let an older row undo a newer one', () => {
	snapshot([sampleRepo()], [session('a', { head: 5, status: 'running' })]);
	list.putSession(session('a', { head: 3, status: 'starting' }));
	expect(list.session('a')?.status).toBe('running');
});

it('does not let a late answer undo what an event told', () => {
	snapshot([], []);
	send({ type: 'repo', repo: sampleRepo({ status: 'ready' }) });
	list.putRepo(sampleRepo({ status: 'cloning' }));
	expect(list.repos.map(({ status }) => status)).toEqual(['ready']);
});

it('is replaced whole after a reconnect', () => {
	snapshot([sampleRepo()], [session('a'), session('b')]);
	snapshot([sampleRepo()], [session('b')]);
	expect(list.sessions.map((s) => s.id)).toEqual(['b']);
});

it('has pinned ones first, and archived ones apart', () => {
	const at = '2026-11-24T00:00:00.000Z';
	snapshot([sampleRepo()], [session('b', { createdAt: at }), session('a')]);
	send({ type: 'session', session: session('a', { head: 2, pinnedAt: at }) });
	expect(list.sessions.map((s) => s.id)).toEqual(['a', 'b']);
	send({ type: 'session', session: session('b', { head: 2, status: 'stopped', archivedAt: at }) });
	expect(list.sessions.map((s) => s.id)).toEqual(['a']);
	expect(list.sessionsOf(REPO_ID).map((s) => s.id)).toEqual(['a']);
	expect(list.archivedOf(REPO_ID).map((s) => s.id)).toEqual(['b']);
	expect(list.session('b')?.archivedAt).toBe(at);
	send({ type: 'session', session: session('b', { head: 3, status: 'stopped', createdAt: at }) });
	expect(list.sessions.map((s) => s.id)).toEqual(['a', 'b']);
});
