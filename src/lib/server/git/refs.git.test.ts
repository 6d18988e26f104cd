import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commitFiles, gitIn } from '../../../../tests/support/git-fixture.ts';
import {
	localRemote,
	makeMirrorFixture,
	type MirrorFixture
} from '../../../../tests/support/git-mirror-fixture.ts';
import { fetchMirror } from './mirror.ts';
import { branchExists, saveBundle, saveRefs, unpushedBranches } from './refs.ts';

let fixture: MirrorFixture;
/** A commit on the session's branch, in the mirror only. */
let tip: string;

beforeEach(async () => {
	fixture = await makeMirrorFixture();
	tip = commitFiles(fixture.worktreePath, { 'a.txt': 'a\n' });
	const refspec = `refs/heads/${fixture.branchName}:refs/heads/${fixture.branchName}`;
	gitIn(fixture.mirrorPath, 'fetch', '--quiet', fixture.worktreePath, refspec);
});

afterEach(() => fixture.remove());

const refs = (): string => gitIn(fixture.mirrorPath, 'for-each-ref', '--format=%(refname)');

describe('branchExists', () => {
	it.each([
		['agent/try-1', true],
		['agent/TRY-1', true],
		['agent/try-1/more', true],
		['agent', true],
		['agent/try-10', false],
		['main', false]
	])('%s: %s', async (name, exists) => {
		expect(await branchExists(fixture.git, fixture.mirrorPath, name)).toEqual({
			ok: true,
			value: exists
		});
	});

	it('knows a branch that has no commits yet', async () => {
		gitIn(fixture.mirrorPath, 'update-ref', '-d', `refs/heads/${fixture.branchName}`);
		const asked = await branchExists(fixture.git, fixture.mirrorPath, fixture.branchName);
		expect(asked).toEqual({ ok: true, value: true });
	});
});

describe('unpushedBranches', () => {
	it('names what no upstream branch has, until upstream has it', async () => {
		const { git, mirrorPath, repo } = fixture;
		expect(await unpushedBranches(git, mirrorPath)).toEqual({
			ok: true,
			value: [{ ref: 'refs/heads/agent/try-1', commit: tip }]
		});
		gitIn(repo, 'fetch', '--quiet', mirrorPath, 'refs/heads/agent/try-1:refs/heads/merged');
		await fetchMirror(git, { mirrorPath, remote: localRemote(repo) });
		expect(await unpushedBranches(git, mirrorPath)).toEqual({ ok: true, value: [] });
	});
});

describe('saveRefs', () => {
	const save = () =>
		saveRefs(fixture.git, {
			mirrorPath: fixture.mirrorPath,
			sessionId: 'session-1',
			branchName: fixture.branchName
		});

	it('keeps unpushed commits under another name, once', async () => {
		const saved = 'refs/saved/session-1/agent/try-1';
		expect(await save()).toEqual({ ok: true, value: saved });
		expect(refs()).toBe(`refs/remotes/origin/main\n${saved}`);
		expect(gitIn(fixture.mirrorPath, 'rev-parse', saved)).toBe(tip);
		expect(await save()).toEqual({ ok: true, value: null });
		expect(refs()).toContain(saved);
	});

	it('keeps nothing when upstream has all of it', async () => {
		gitIn(fixture.mirrorPath, 'update-ref', 'refs/remotes/origin/merged', tip);
		expect(await save()).toEqual({ ok: true, value: null });
		expect(refs()).not.toMatch(/saved|heads|base/);
	});
});

describe('saveBundle', () => {
	it('writes a file that holds the commits with all they stand on', async () => {
		const file = join(fixture.folder, 'saved', 'app.bundle');
		const ref = `refs/heads/${fixture.branchName}`;
		const saved = await saveBundle(fixture.git, fixture.mirrorPath, [ref], file);
		expect(saved).toEqual({ ok: true, value: undefined });
		expect(readFileSync(file).subarray(0, 15).toString()).toBe('# v2 git bundle');
		gitIn(fixture.folder, 'init', '--quiet', 'fresh');
		gitIn(join(fixture.folder, 'fresh'), 'fetch', '--quiet', file, `${ref}:refs/heads/back`);
		expect(gitIn(join(fixture.folder, 'fresh'), 'rev-parse', 'back')).toBe(tip);
	});
});
