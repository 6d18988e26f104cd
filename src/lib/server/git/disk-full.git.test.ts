import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ok } from '#lib/domain/result.ts';
import { commitFiles, gitIn } from '../../../../tests/support/git-fixture.ts';
import {
	localRemote,
	makeMirrorFixture,
	type MirrorFixture
} from '../../../../tests/support/git-mirror-fixture.ts';
import { collectCommits } from './collect.ts';
import { fetchMirror } from './mirror.ts';
import { createWorktree } from './worktree.ts';

const programs = { mount: '/bin/mount', unmount: '/bin/umount' };

let fixture: MirrorFixture;
let small: string;
let mounted = false;

/** A file system of a few hundred kilobytes; only root can make one. */
const mountSmall = (): boolean => {
	try {
		execFileSync(programs.mount, ['-t', 'tmpfs', '-o', 'size=400k', 'tmpfs', small], {
			stdio: 'ignore'
		});
		return true;
	} catch {
		return false;
	}
};

/** Text that does not shrink when packed. */
const noise = (bytes: number): string => {
	let state = 42;
	let text = '';
	while (text.length < bytes) {
		state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
		text += state.toString(36);
	}
	return text;
};

beforeEach(async () => {
	fixture = await makeMirrorFixture({ 'large.txt': noise(800_000) });
	small = join(fixture.folder, 'small');
	mkdirSync(small);
	mounted = mountSmall();
});

afterEach(() => {
	if (mounted) execFileSync(programs.unmount, [small]);
	fixture.remove();
});

const full = { ok: false, error: { code: 'disk_full' } };

describe('a full disk', () => {
	it('is named when a mirror is cloned, and leaves no half pack', async ({ skip }) => {
		if (!mounted) skip('mounting a small file system needs root');
		const mirrorPath = join(small, 'mirror.git');
		const remote = localRemote(fixture.repo);
		expect(await fetchMirror(fixture.git, { mirrorPath, remote })).toMatchObject(full);
		expect(readdirSync(join(mirrorPath, 'objects', 'pack'))).toEqual([]);
	});

	it('is named when a worktree is made, and leaves nothing', async ({ skip }) => {
		if (!mounted) skip('mounting a small file system needs root');
		const { git, mirrorPath, baseCommit } = fixture;
		const made = await createWorktree(git, {
			mirrorPath,
			worktreePath: join(small, 'worktree'),
			branchName: 'agent/full',
			baseCommit,
			baseBranch: 'main',
			identity: { name: 'Agent', email: 'agent@localhost' }
		});
		expect(made).toMatchObject(full);
		expect(readdirSync(small)).toEqual([]);
	});

	it('is named when commits come in, and loses none that were there', async ({ skip }) => {
		if (!mounted) skip('mounting a small file system needs root');
		const { git, repo, folder } = fixture;
		const mirrorPath = join(small, 'mirror.git');
		gitIn(repo, 'checkout', '--quiet', '--orphan', 'tiny');
		gitIn(repo, 'rm', '--quiet', '-rf', '.');
		const baseCommit = commitFiles(repo, { 'a.txt': 'a\n' });
		gitIn(repo, 'branch', '-D', 'main');
		expect(await fetchMirror(git, { mirrorPath, remote: localRemote(repo) })).toMatchObject({
			ok: true
		});
		const worktreePath = join(folder, 'worktrees', 'session-3');
		const branchName = 'agent/grow';
		const identity = { name: 'Agent', email: 'agent@localhost' };
		const spec = { mirrorPath, worktreePath, branchName, baseCommit, baseBranch: 'tiny', identity };
		expect(await createWorktree(git, spec)).toMatchObject({ ok: true });
		commitFiles(worktreePath, { 'large.txt': noise(900_000) });
		const collected = await collectCommits(git, {
			mirrorPath,
			worktreePath,
			branchName,
			baseCommit,
			signal: AbortSignal.timeout(20_000),
			runInSandbox: (argv, stdout) =>
				new Promise((resolve) => {
					const [program = '', ...args] = argv;
					const output = execFileSync(program, args, { maxBuffer: 10_000_000 });
					stdout.on('error', () => undefined);
					stdout.end(output, () => resolve(ok({ exitCode: 0, stderr: '' })));
					stdout.on('close', () => resolve(ok({ exitCode: 0, stderr: '' })));
				})
		});
		expect(collected).toMatchObject(full);
		expect(readdirSync(join(mirrorPath, 'incoming'))).toEqual([]);
		expect(gitIn(mirrorPath, 'fsck', '--strict')).toBe('');
	});
});
