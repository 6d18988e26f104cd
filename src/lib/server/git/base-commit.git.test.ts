import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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
import { resolveBase } from './base-commit.ts';
import { createGit } from './exec.ts';
import { fetchMirror } from './mirror.ts';
import type { Remote } from './remote.ts';
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

describe('resolveBase', () => {
	it('takes the newest commit of a local branch, also of one that is new', async () => {
		const repo = makeRepo(join(folder.path, 'repo'));
		await fetchFrom(repo);
		const tip = commitFiles(repo, { 'd.txt': 'd\n' });
		gitIn(repo, 'branch', 'later');
		for (const branch of ['main', 'later', 'main']) {
			expect(await resolveBase(git, { mirrorPath, remote: remoteFor(repo), branch })).toEqual({
				ok: true,
				value: { commit: tip, fresh: true, problem: null }
			});
		}
	});

	it('falls back to the last known commit when the server is down or too slow', async () => {
		makeServed();
		const state = await serve();
		const remote = remoteFor(`${state.origin}/team/app.git`);
		await fetchMirror(git, { mirrorPath, remote });
		const commit = gitIn(mirrorPath, 'rev-parse', 'refs/remotes/origin/main');
		state.stalled = true;
		const slow = await resolveBase(git, { mirrorPath, remote, branch: 'main', timeoutMs: 300 });
		expect(slow).toMatchObject({
			ok: true,
			value: { commit, fresh: false, problem: { code: expect.stringMatching(/^git_/) } }
		});
		await state.close();
		const down = await resolveBase(git, { mirrorPath, remote, branch: 'main' });
		expect(down).toMatchObject({
			ok: true,
			value: { commit, fresh: false, problem: { code: 'repo_unreachable' } }
		});
	});

	it('asks upstream twice at most for many sessions that start at once', async () => {
		makeServed();
		const state = await serve();
		const remote = remoteFor(`${state.origin}/team/app.git`);
		await fetchMirror(git, { mirrorPath, remote });
		state.requests.length = 0;
		const asked = Array.from({ length: 40 }, () =>
			resolveBase(git, { mirrorPath, remote, branch: 'main' })
		);
		for (const base of await Promise.all(asked)) {
			expect(base).toMatchObject({ ok: true, value: { fresh: true } });
		}
		const fetches = state.requests.filter(({ url }) => url.includes('/info/refs'));
		expect(fetches.length).toBeLessThanOrEqual(2);
	});

	it('is ended by its signal', async () => {
		makeServed();
		const state = await serve();
		const remote = remoteFor(`${state.origin}/team/app.git`);
		state.stalled = true;
		const stop = new AbortController();
		const asking = resolveBase(git, { mirrorPath, remote, branch: 'main', signal: stop.signal });
		stop.abort();
		expect((await asking).ok).toBe(false);
	});

	it('does not wait for a long refresh', async () => {
		const repo = makeRepo(join(folder.path, 'repo'));
		await fetchFrom(repo);
		let release = (): void => undefined;
		const held = git.locks.run(
			mirrorPath,
			() => new Promise<void>((resolve) => (release = resolve))
		);
		const options = { mirrorPath, remote: remoteFor(repo), branch: 'main', timeoutMs: 100 };
		expect(await resolveBase(git, options)).toMatchObject({ ok: true, value: { fresh: false } });
		release();
		await held;
		expect(await resolveBase(git, options)).toMatchObject({ ok: true });
	});

	it.each([
		'nothing',
		'main~1',
		'main^{tree}',
		'--upload-pack=touch x',
		'+HEAD:refs/heads/main',
		':main',
		'HEAD',
		'a..b'
	])('finds no branch %j', async (branch) => {
		const repo = makeRepo(join(folder.path, 'repo'));
		await fetchFrom(repo);
		expect(await resolveBase(git, { mirrorPath, remote: remoteFor(repo), branch })).toMatchObject({
			ok: false,
			error: { code: 'base_branch_not_found' }
		});
	});
});
