import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RepoProgress } from '@agent-manager/protocol/repo.ts';
import {
	commitFiles,
	gitIn,
	makeRepo,
	tempFolder,
	type TempFolder
} from '../../../../tests/support/git-fixture.ts';
import {
	startGitHttpServer,
	type GitHttpServer
} from '../../../../tests/support/git-http-server.ts';
import { createGit } from './exec.ts';
import { fetchMirror, initMirror, listBranches, sweepMirror } from './mirror.ts';
import { askHeads, connect, type Remote } from './remote.ts';
import { parseRepoAddress } from './repo-address.ts';

const git = createGit();
let folder: TempFolder;
let mirrorPath: string;
let server: GitHttpServer | null = null;

beforeEach(() => {
	folder = tempFolder('mirror');
	mirrorPath = join(folder.path, 'mirror.git');
});

afterEach(async () => {
	await server?.close();
	server = null;
	folder.remove();
});

const remoteFor = (url: string, extra: Partial<Remote> = {}): Remote => {
	const allowGitHosts = server ? [server.host] : [];
	const address = parseRepoAddress(url, { allowGitHosts, home: '/' });
	if (!address.ok) throw new Error(address.error.message);
	return { address: address.value, auth: null, policy: { allowGitHosts }, ...extra };
};

const fetchFrom = (url: string, extra: Partial<Remote> = {}) =>
	fetchMirror(git, { mirrorPath, remote: remoteFor(url, extra) });

const serve = async (credentials?: string): Promise<GitHttpServer> => {
	server = await startGitHttpServer({ root: join(folder.path, 'served'), credentials });
	return server;
};

const makeServed = (name = 'team/app.git'): string => {
	const work = makeRepo(join(folder.path, 'work'));
	const bare = join(folder.path, 'served', name);
	gitIn(folder.path, 'clone', '--quiet', '--bare', work, bare);
	return bare;
};

describe('a local repo', () => {
	it('is mirrored, and not written to', async () => {
		const repo = makeRepo(join(folder.path, 'my repo'));
		gitIn(repo, 'branch', 'agent/upstream');
		const before = statSync(join(repo, '.git')).mtimeMs;
		const fetched = await fetchFrom(repo);
		expect(fetched).toEqual({
			ok: true,
			value: { defaultBranch: 'main', branches: ['agent/upstream', 'main'], movedTo: null }
		});
		expect(gitIn(mirrorPath, 'for-each-ref', '--format=%(refname)').split('\n')).toEqual([
			'refs/remotes/origin/agent/upstream',
			'refs/remotes/origin/main'
		]);
		expect(statSync(join(repo, '.git')).mtimeMs).toBe(before);
		expect(gitIn(repo, 'status', '--porcelain')).toBe('');
	});

	it('is followed when branches come, move, go and change places with folders', async () => {
		const repo = makeRepo(join(folder.path, 'repo'));
		gitIn(repo, 'branch', 'topic');
		await fetchFrom(repo);
		gitIn(mirrorPath, 'update-ref', 'refs/heads/agent/x', 'refs/remotes/origin/main');
		gitIn(repo, 'branch', '-D', 'topic');
		gitIn(repo, 'branch', 'topic/one');
		gitIn(repo, 'branch', '-m', 'main', 'trunk');
		const tip = commitFiles(repo, { 'new.txt': 'new\n' });
		const fetched = await fetchFrom(repo);
		expect(fetched).toMatchObject({
			ok: true,
			value: { defaultBranch: 'trunk', branches: expect.arrayContaining(['trunk', 'topic/one']) }
		});
		expect(gitIn(mirrorPath, 'rev-parse', 'refs/remotes/origin/trunk')).toBe(tip);
		expect(gitIn(mirrorPath, 'rev-parse', 'refs/heads/agent/x')).toMatch(/^[0-9a-f]{40}$/);
	});

	it('has a default branch when HEAD is detached or names a branch that is not there', async () => {
		const repo = makeRepo(join(folder.path, 'repo'));
		gitIn(repo, 'checkout', '--quiet', '-b', 'aaa');
		commitFiles(repo, { 'a.txt': 'a\n' });
		gitIn(repo, 'checkout', '--quiet', '--detach', 'main');
		expect(await fetchFrom(repo)).toMatchObject({ ok: true, value: { defaultBranch: 'main' } });
		gitIn(repo, 'symbolic-ref', 'HEAD', 'refs/heads/unborn');
		expect(await fetchFrom(repo)).toMatchObject({ ok: true, value: { defaultBranch: 'main' } });
	});

	it('that is empty says so', async () => {
		const repo = join(folder.path, 'empty');
		mkdirSync(repo);
		gitIn(repo, 'init', '--quiet');
		expect(await fetchFrom(repo)).toMatchObject({ ok: false, error: { code: 'repo_empty' } });
	});

	it('may be shallow, a linked worktree, bare, or of the sha256 format', async () => {
		const repo = makeRepo(join(folder.path, 'repo'));
		const tip = commitFiles(repo, { 'b.txt': 'b\n' });
		gitIn(repo, 'worktree', 'add', '--quiet', '-b', 'linked', join(folder.path, 'linked'));
		expect(await fetchFrom(join(folder.path, 'linked'))).toMatchObject({
			ok: true,
			value: { defaultBranch: 'linked' }
		});
		mirrorPath = join(folder.path, 'shallow-mirror.git');
		gitIn(folder.path, 'clone', '--quiet', '--depth=1', `file://${repo}`, 'shallow');
		expect(await fetchFrom(join(folder.path, 'shallow'))).toMatchObject({ ok: true });
		expect(gitIn(mirrorPath, 'rev-parse', 'refs/remotes/origin/main')).toBe(tip);
		mirrorPath = join(folder.path, 'sha256-mirror.git');
		const modern = join(folder.path, 'sha256');
		gitIn(folder.path, 'init', '--quiet', '--object-format=sha256', modern);
		commitFiles(modern, { 'a.txt': 'a\n' });
		expect(await fetchFrom(modern)).toMatchObject({ ok: true });
		expect(gitIn(mirrorPath, 'rev-parse', 'refs/remotes/origin/main')).toHaveLength(64);
	});

	it('runs nothing that its configuration or hooks name', async () => {
		const repo = makeRepo(join(folder.path, 'repo'));
		const marker = join(folder.path, 'marker');
		const touch = `touch ${marker}`;
		for (const key of [
			'core.fsmonitor',
			'core.sshCommand',
			'core.pager',
			'core.editor',
			'uploadpack.packObjectsHook',
			'remote.origin.uploadpack',
			'diff.external',
			'core.alternateRefsCommand'
		]) {
			gitIn(repo, 'config', key, touch);
		}
		gitIn(repo, 'config', 'remote.origin.url', `ext::sh -c "${touch}"`);
		gitIn(repo, 'config', 'remote.origin.promisor', 'true');
		gitIn(repo, 'config', 'core.hooksPath', join(folder.path, 'hooks'));
		mkdirSync(join(folder.path, 'hooks'));
		for (const hook of ['post-checkout', 'reference-transaction', 'post-index-change']) {
			writeFileSync(join(folder.path, 'hooks', hook), `#!/bin/sh\n${touch}\n`, { mode: 0o755 });
		}
		expect(await fetchFrom(repo)).toMatchObject({ ok: true });
		expect(existsSync(marker)).toBe(false);
	});

	it.runIf(process.getuid?.() === 0)('may belong to somebody else', async () => {
		const repo = makeRepo(join(folder.path, 'repo'));
		gitIn(folder.path, '-c', 'safe.directory=*', 'init', '--quiet', 'unused');
		const { execFileSync } = await import('node:child_process');
		execFileSync('chown', ['-R', '12345:12345', repo]);
		expect(await fetchFrom(repo)).toMatchObject({ ok: true });
	});
});

describe('a repo on a server', () => {
	it('is cloned with progress and refreshed', async () => {
		const bare = makeServed();
		const { origin } = await serve();
		const progress: RepoProgress[] = [];
		const fetched = await fetchMirror(git, {
			mirrorPath,
			remote: remoteFor(`${origin}/team/app.git`),
			onProgress: (step) => progress.push(step)
		});
		expect(fetched).toMatchObject({ ok: true, value: { defaultBranch: 'main', movedTo: null } });
		expect(progress).toContainEqual({ phase: 'Counting objects', percent: 100 });
		const work = join(folder.path, 'work');
		const tip = commitFiles(work, { 'c.txt': 'c\n' });
		gitIn(work, 'push', '--quiet', bare, 'main');
		expect(await fetchFrom(`${origin}/team/app.git`)).toMatchObject({ ok: true });
		expect(gitIn(mirrorPath, 'rev-parse', 'refs/remotes/origin/main')).toBe(tip);
	});

	it('that asks for a password fails at once, and works with the credential it wants', async () => {
		makeServed();
		const { origin } = await serve('x-access-token:t0ken');
		const url = `${origin}/team/app.git`;
		expect(await fetchFrom(url)).toMatchObject({
			ok: false,
			error: { code: 'repo_auth_required' }
		});
		const auth = (secret: string) => ({
			urlPrefix: `${origin}/`,
			header: `Authorization: Basic ${Buffer.from(`x-access-token:${secret}`).toString('base64')}`
		});
		const wrong = await fetchFrom(url, { auth: auth('wrong') });
		expect(wrong).toMatchObject({ ok: false, error: { code: 'repo_auth_required' } });
		expect(await fetchFrom(url, { auth: auth('t0ken') })).toMatchObject({ ok: true });
		expect(readFileSync(join(mirrorPath, 'config'), 'utf8')).not.toContain('Authorization');
	});

	it('that is not there says so', async () => {
		makeServed();
		const { origin } = await serve();
		const fetched = await fetchFrom(`${origin}/team/nothing.git`);
		expect(fetched).toMatchObject({ ok: false, error: { code: 'repo_missing_remote' } });
		expect(existsSync(mirrorPath)).toBe(false);
	});

	it('whose server is down is unreachable', async () => {
		makeServed();
		const { origin, close } = await serve();
		await close();
		const fetched = await fetchFrom(`${origin}/team/app.git`);
		expect(fetched).toMatchObject({ ok: false, error: { code: 'repo_unreachable' } });
	});

	it('is found again when it was renamed on the same server', async () => {
		makeServed('team/new-name.git');
		const { origin, redirects } = await serve();
		redirects.set('/team/old.git', '/team/new-name.git');
		const fetched = await fetchFrom(`${origin}/team/old.git`);
		expect(fetched).toMatchObject({
			ok: true,
			value: { movedTo: { url: `${origin}/team/new-name.git`, name: 'new-name' } }
		});
	});

	it('is not followed to another server', async () => {
		makeServed();
		const { origin, redirects } = await serve();
		const other = await startGitHttpServer({ root: join(folder.path, 'served') });
		redirects.set('/team/old.git', `${other.origin}/team/app.git`);
		const fetched = await fetchFrom(`${origin}/team/old.git`);
		expect(fetched).toMatchObject({ ok: false, error: { code: 'repo_unreachable' } });
		expect(other.requests).toEqual([]);
		await other.close();
	});

	it('is not connected to when its host is private', async () => {
		makeServed();
		const { port, requests } = await serve();
		const resolve = () => Promise.resolve(['127.0.0.1']);
		for (const host of ['127.0.0.1', '[::1]', 'localhost', 'inside.example']) {
			const remote = remoteFor(`https://${host}:${port}/team/app.git`, {
				policy: { allowGitHosts: [], resolve }
			});
			const fetched = await fetchMirror(git, { mirrorPath, remote });
			expect(fetched).toMatchObject({ ok: false, error: { code: 'repo_host_not_allowed' } });
		}
		expect(requests).toEqual([]);
	});

	it('is connected to at the address that was checked, whatever its name says later', async () => {
		makeServed();
		const { port, requests } = await serve();
		const remote = remoteFor(`https://moving.example:${port}/team/app.git`, {
			policy: {
				allowGitHosts: [],
				resolve: () => Promise.resolve(['140.82.121.4', '2606:50c0::1'])
			}
		});
		const connection = await connect(git, remote);
		expect(connection).toMatchObject({
			ok: true,
			value: {
				run: {
					config: [['http.curloptResolve', `moving.example:${port}:140.82.121.4,[2606:50c0::1]`]]
				}
			}
		});
		const plainSsh = { ...git, sshHostName: (host: string) => Promise.resolve(host) };
		const overSsh = await connect(plainSsh, {
			...remoteFor('ssh://git@moving.example:2222/team/app'),
			policy: { allowGitHosts: [], resolve: () => Promise.resolve(['140.82.121.4']) }
		});
		expect(overSsh.ok && overSsh.value.run.env?.GIT_SSH_COMMAND).toMatch(
			/^ssh -o BatchMode=yes .* -o HostName=140\.82\.121\.4 -o 'HostKeyAlias=\[moving\.example\]:2222'$/
		);
		const config = [['http.curloptResolve', `moving.example:${port}:127.0.0.1`]] as const;
		const heads = await askHeads(git, {
			url: `http://moving.example:${port}/team/app.git`,
			run: { protocols: ['http'], config },
			args: []
		});
		expect(heads).toMatchObject({ ok: true, value: { head: 'main' } });
		expect(requests.length).toBeGreaterThan(0);
	});

	it('that goes silent is given up when told to', async () => {
		makeServed();
		const state = await serve();
		state.stalled = true;
		const stop = new AbortController();
		const fetching = fetchMirror(git, {
			mirrorPath,
			remote: remoteFor(`${state.origin}/team/app.git`),
			signal: stop.signal
		});
		while (state.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
		stop.abort();
		expect(await fetching).toMatchObject({ ok: false, error: { message: /cancelled/ } });
	});
});

describe('the mirror', () => {
	it('works again after a git in it was killed', async () => {
		const repo = makeRepo(join(folder.path, 'repo'));
		await fetchFrom(repo);
		commitFiles(repo, { 'e.txt': 'e\n' });
		for (const name of [
			'packed-refs.lock',
			'refs/remotes/origin/main.lock',
			'objects/pack/tmp_pack_x'
		]) {
			writeFileSync(join(mirrorPath, name), '');
		}
		expect((await fetchFrom(repo)).ok).toBe(false);
		await sweepMirror(mirrorPath);
		expect((await fetchFrom(repo)).ok).toBe(true);
		expect(existsSync(join(mirrorPath, 'objects/pack/tmp_pack_x'))).toBe(false);
	});

	it('lists at most 500 branches', async () => {
		const repo = makeRepo(join(folder.path, 'repo'));
		await fetchFrom(repo);
		const commit = gitIn(repo, 'rev-parse', 'HEAD');
		const lines = Array.from({ length: 600 }, (_, i) => `${commit} refs/remotes/origin/b${i}`);
		writeFileSync(
			join(mirrorPath, 'packed-refs'),
			`# pack-refs with: sorted \n${lines.sort().join('\n')}\n`
		);
		const branches = await listBranches(git, mirrorPath);
		expect(branches.ok && branches.value.length).toBe(500);
	});

	it('says what is missing when there is no git', async () => {
		const none = createGit({ program: 'git-that-is-not-there' });
		expect(await initMirror(none, mirrorPath)).toMatchObject({
			ok: false,
			error: { code: 'git_missing' }
		});
	});
});
