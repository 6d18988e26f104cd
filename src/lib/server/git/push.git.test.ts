import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commitFiles, gitIn } from '../../../../tests/support/git-fixture.ts';
import {
	startGitHttpServer,
	type GitHttpServer
} from '../../../../tests/support/git-http-server.ts';
import {
	localRemote,
	makeMirrorFixture,
	type MirrorFixture
} from '../../../../tests/support/git-mirror-fixture.ts';
import { pushBranch } from './push.ts';
import { parseRepoAddress } from './repo-address.ts';
import { unpushedBranches } from './refs.ts';

let fixture: MirrorFixture;
let upstream: string;
let tip: string;

/** Commits in the worktree and brings it into the mirror. */
const commit = (files: Record<string, string>, ...flags: string[]): string => {
	const { worktreePath, mirrorPath, branchName } = fixture;
	const made = commitFiles(worktreePath, files);
	const ref = `refs/heads/${branchName}`;
	gitIn(mirrorPath, 'fetch', '--quiet', ...flags, worktreePath, `+${ref}:${ref}`);
	return made;
};

beforeEach(async () => {
	fixture = await makeMirrorFixture();
	upstream = join(fixture.folder, 'upstream.git');
	gitIn(fixture.folder, 'clone', '--quiet', '--bare', fixture.repo, upstream);
	tip = commit({ 'a.txt': 'a\n' });
});
afterEach(() => fixture.remove());

const push = (over: { branchName?: string; commit?: string; overwrite?: string } = {}) => {
	const { git, mirrorPath, branchName } = fixture;
	const remote = localRemote(upstream);
	return pushBranch(git, {
		...{ mirrorPath, remote, branchName, commit: tip, overwrite: null },
		...over
	});
};

/** The same over HTTP, with a token that the server may take back or do little for. */
const pushOverHttp = async (refusal: GitHttpServer['refusal']) => {
	const server = await startGitHttpServer({ root: fixture.folder });
	server.refusal = refusal;
	try {
		const allowGitHosts = [server.host];
		const address = parseRepoAddress(`${server.origin}/upstream.git`, { allowGitHosts, home: '/' });
		if (!address.ok) throw new Error(address.error.message);
		const auth = { urlPrefix: `${server.origin}/`, header: 'Authorization: Basic dDp0' };
		return await pushBranch(fixture.git, {
			...{ mirrorPath: fixture.mirrorPath, branchName: fixture.branchName, commit: tip },
			...{ remote: { address: address.value, auth, policy: { allowGitHosts } }, overwrite: null }
		});
	} finally {
		await server.close();
	}
};
const there = (branch = fixture.branchName): string => gitIn(upstream, 'rev-parse', branch);

describe('pushing a session’s branch', () => {
	it('brings it upstream, moves it forward, and is once when done twice', async () => {
		expect(await push()).toEqual({ ok: true, value: undefined });
		expect(await push()).toEqual({ ok: true, value: undefined });
		expect(there()).toBe(tip);
		const next = commit({ 'b.txt': 'b\n' });
		expect(await push({ commit: next })).toMatchObject({ ok: true });
		expect(there()).toBe(next);
		expect(await unpushedBranches(fixture.git, fixture.mirrorPath)).toEqual({
			ok: true,
			value: []
		});
	});

	it('refuses the default branch, whatever it is called, and says so', async () => {
		const before = there('main');
		const refused = { ok: false, error: { code: 'push_refused' } };
		expect(await push({ branchName: 'main' })).toMatchObject(refused);
		expect(there('main')).toBe(before);
		gitIn(upstream, 'branch', 'agent/try-1', 'main');
		gitIn(upstream, 'symbolic-ref', 'HEAD', 'refs/heads/agent/try-1');
		expect(await push()).toMatchObject(refused);
		expect(there()).toBe(before);
	});

	it('does not overwrite what somebody else has pushed, but for the commit that was seen', async () => {
		await push();
		const clone = join(fixture.folder, 'clone');
		gitIn(fixture.folder, 'clone', '--quiet', '--branch', fixture.branchName, upstream, clone);
		const theirs = commitFiles(clone, { 'theirs.txt': 'x\n' });
		gitIn(clone, 'push', '--quiet', 'origin', fixture.branchName);
		const ours = commit({ 'ours.txt': 'y\n' });
		expect(await push({ commit: ours })).toMatchObject({
			ok: false,
			error: { code: 'push_rejected', details: { remoteCommit: theirs } }
		});
		// They were quicker once more: what was agreed to is not what is there.
		const newer = commitFiles(clone, { 'more.txt': 'x\n' });
		gitIn(clone, 'push', '--quiet', 'origin', fixture.branchName);
		expect(await push({ commit: ours, overwrite: theirs })).toMatchObject({
			ok: false,
			error: { code: 'push_rejected', details: { remoteCommit: newer } }
		});
		expect(there()).toBe(newer);
		expect(await push({ commit: ours, overwrite: newer })).toMatchObject({ ok: true });
		expect(there()).toBe(ours);
	});

	it('says what the server says when it refuses', async () => {
		const hook = join(upstream, 'hooks', 'pre-receive');
		writeFileSync(hook, '#!/bin/sh\necho no such day >&2\nexit 1\n', { mode: 0o755 });
		expect(await push()).toMatchObject({
			ok: false,
			error: { code: 'push_refused', message: expect.stringContaining('pre-receive hook declined') }
		});
	});

	it('says that a branch is protected, in the server’s words', async () => {
		const hook = join(upstream, 'hooks', 'update');
		const words = 'GH006: Protected branch update failed for refs/heads/agent/try-1.';
		writeFileSync(hook, `#!/bin/sh\necho 'error: ${words}' >&2\nexit 1\n`, { mode: 0o755 });
		expect(await push()).toMatchObject({
			...{ ok: false, error: { code: 'push_refused', hint: expect.stringContaining('protected') } }
		});
		expect(gitIn(upstream, 'branch', '--list', 'agent/*')).toBe('');
	});

	it('runs no hook of the mirror', async () => {
		const marker = join(fixture.folder, 'marker');
		const hooks = join(fixture.mirrorPath, 'hooks');
		mkdirSync(hooks, { recursive: true });
		const hook = `#!/bin/sh\ntouch ${marker}\n`;
		for (const name of ['pre-push', 'reference-transaction']) {
			writeFileSync(join(hooks, name), hook, { mode: 0o755 });
		}
		expect(await push()).toMatchObject({ ok: true });
		expect(existsSync(marker)).toBe(false);
	});

	it('says that a server is not there', async () => {
		upstream = join(fixture.folder, 'gone.git');
		expect(await push()).toMatchObject({ ok: false, error: { code: 'repo_missing_remote' } });
	});

	it('says that its login was refused when the token is revoked in its middle, and is done by the next', async () => {
		// The server has been asked what it has, by then.
		const refused = await pushOverHttp(({ method, url }) =>
			method === 'POST' && url?.endsWith('/git-receive-pack')
				? { status: 401, text: 'Bad credentials' }
				: null
		);
		expect(refused).toMatchObject({ ok: false, error: { code: 'repo_auth_required' } });
		expect(gitIn(upstream, 'branch', '--list', 'agent/*')).toBe('');
		const unpushed = await unpushedBranches(fixture.git, fixture.mirrorPath);
		expect(unpushed.ok && unpushed.value, 'it is not taken for pushed').toHaveLength(1);
		expect(await pushOverHttp(() => null)).toEqual({ ok: true, value: undefined });
		expect(there()).toBe(tip);
	});

	it('says that the repository is archived', async () => {
		const text = 'This repository was archived so it is read-only.';
		const refused = await pushOverHttp(({ url }) =>
			url?.includes('git-receive-pack') ? { status: 403, text } : null
		);
		expect(refused).toMatchObject({
			...{ ok: false, error: { code: 'push_refused', message: expect.stringContaining(text) } }
		});
	});
});
