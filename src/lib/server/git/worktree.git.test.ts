import { chmodSync, existsSync, lstatSync, readFileSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { commitFiles, gitIn, makeRepo, writeFiles } from '../../../../tests/support/git-fixture.ts';
import {
	localRemote,
	makeMirrorFixture,
	type MirrorFixture
} from '../../../../tests/support/git-mirror-fixture.ts';
import { createGit } from './exec.ts';
import { fetchMirror } from './mirror.ts';
import { createWorktree, removeWorktree, worktreeExists, type WorktreeSpec } from './worktree.ts';

let fixture: MirrorFixture;

beforeEach(async () => {
	fixture = await makeMirrorFixture();
});

afterEach(() => fixture.remove());

const spec = (extra: Partial<WorktreeSpec> = {}): WorktreeSpec => ({
	mirrorPath: fixture.mirrorPath,
	worktreePath: join(fixture.folder, 'worktrees', 'session-2'),
	branchName: 'agent/try-2',
	baseCommit: fixture.baseCommit,
	baseBranch: 'main',
	identity: { name: 'Agent', email: 'agent@localhost' },
	...extra
});

const make = async (extra: Partial<WorktreeSpec> = {}): Promise<string> => {
	const made = await createWorktree(fixture.git, spec(extra));
	expect(made).toEqual({ ok: true, value: { created: true } });
	return spec(extra).worktreePath;
};

describe('createWorktree', () => {
	it('checks out the base on the session’s branch, with a git directory of its own', async () => {
		const path = await make();
		expect(gitIn(path, 'status', '--porcelain=v1', '--branch')).toBe('## agent/try-2');
		expect(gitIn(path, 'rev-parse', 'HEAD', 'origin/main')).toBe(
			`${fixture.baseCommit}\n${fixture.baseCommit}`
		);
		expect(gitIn(path, 'remote')).toBe('');
		expect(lstatSync(join(path, '.git')).isDirectory()).toBe(true);
		expect(gitIn(path, 'fsck', '--strict')).toBe('');
		const commit = commitFiles(path, { 'new.txt': 'new\n' });
		expect(gitIn(path, 'log', '--format=%H', '-1')).toBe(commit);
		expect(() => gitIn(fixture.mirrorPath, 'cat-file', '-e', commit)).toThrow();
	});

	it('leaves one that is there as it is', async () => {
		const path = await make();
		writeFiles(path, { 'README.md': 'changed\n' });
		const again = await createWorktree(fixture.git, spec());
		expect(again).toEqual({ ok: true, value: { created: false } });
		expect(readFileSync(join(path, 'README.md'), 'utf8')).toBe('changed\n');
	});

	it('begins anew after it was cut off in the middle', async () => {
		const unfinished = join(fixture.folder, 'worktrees', '.session-2.new');
		writeFiles(unfinished, { '.git/HEAD': 'garbage', '.git/index.lock': '', 'left.txt': 'x' });
		const path = await make();
		expect(gitIn(path, 'status', '--porcelain')).toBe('');
		expect(existsSync(join(path, 'left.txt'))).toBe(false);
		expect(existsSync(unfinished)).toBe(false);
	});

	it('is made once when asked for twice at the same time', async () => {
		const results = await Promise.all([1, 2, 3].map(() => createWorktree(fixture.git, spec())));
		expect(results.map((made) => made.ok && made.value.created)).toEqual([true, false, false]);
	});

	it('leaves nothing behind when the base is not there', async () => {
		const made = await createWorktree(fixture.git, spec({ baseCommit: '0'.repeat(39) + '1' }));
		expect(made).toMatchObject({ ok: false, error: { code: 'git_failed' } });
		expect(await worktreeExists(spec().worktreePath)).toBe(false);
		expect(existsSync(join(fixture.folder, 'worktrees', '.session-2.new'))).toBe(false);
	});

	it.each(['--upload-pack=x', '../../escape', 'a b', 'HEAD', 'a:b'])(
		'refuses the branch %j',
		async (branchName) => {
			const made = await createWorktree(fixture.git, spec({ branchName }));
			expect(made).toMatchObject({ ok: false, error: { code: 'branch_invalid' } });
		}
	);

	it.each(['main', '--output=x', 'HEAD~1', `${'a'.repeat(40)}\nx`])(
		'refuses the base %j, which is no commit id',
		async (baseCommit) => {
			expect((await createWorktree(fixture.git, spec({ baseCommit }))).ok).toBe(false);
		}
	);

	it('writes the identity as it is, whatever is in it', async () => {
		const identity = { name: 'Ann "A" \\ O’Neil ]\n[core]\n\tpager = touch x', email: 'a#b;c@x' };
		const path = await make({ identity });
		expect(gitIn(path, 'config', 'user.name')).toBe('Ann "A" \\ O’Neil ] [core] pager = touch x');
		expect(gitIn(path, 'config', 'user.email')).toBe('a#b;c@x');
		expect(() => gitIn(path, 'config', '--local', 'core.pager')).toThrow();
	});

	it('checks out links, modes, attributes and submodules without running anything', async () => {
		const { repo, folder } = fixture;
		const marker = join(folder, 'marker');
		const touch = `touch ${marker}`;
		writeFiles(repo, {
			'.gitattributes': '*.bin filter=x diff=x merge=x\n',
			'a.bin': 'data',
			'run.sh': '#!/bin/sh\n',
			'.gitmodules': '[submodule "s"]\n\tpath = s\n\turl = https://example.com/s.git\n'
		});
		chmodSync(join(repo, 'run.sh'), 0o755);
		symlinkSync('/etc/hostname', join(repo, 'link'));
		gitIn(repo, 'add', '--all');
		gitIn(repo, 'update-index', '--add', '--cacheinfo', `160000,${fixture.baseCommit},s`);
		gitIn(repo, 'commit', '--quiet', '-m', 'Everything');
		const baseCommit = gitIn(repo, 'rev-parse', 'HEAD');
		const remote = localRemote(repo);
		const fetched = await fetchMirror(fixture.git, { mirrorPath: fixture.mirrorPath, remote });
		expect(fetched).toMatchObject({ ok: true });

		// as a person's own settings might be
		writeFiles(folder, {
			'home/.gitconfig':
				`[filter "x"]\n\tsmudge = ${touch}; cat\n\tclean = ${touch}; cat\n\trequired = true\n` +
				`[core]\n\tfsmonitor = ${touch}\n\thooksPath = ${folder}/hooks\n`,
			'hooks/post-checkout': `#!/bin/sh\n${touch}\n`
		});
		chmodSync(join(folder, 'hooks', 'post-checkout'), 0o755);
		const git = createGit({ env: { PATH: process.env.PATH, HOME: join(folder, 'home') } });
		expect(await createWorktree(git, spec({ baseCommit }))).toMatchObject({ ok: true });
		const path = spec().worktreePath;
		expect(existsSync(marker)).toBe(false);
		expect(lstatSync(join(path, 'link')).isSymbolicLink()).toBe(true);
		expect(lstatSync(join(path, 'run.sh')).mode & 0o111).toBe(0o111);
		expect(gitIn(path, 'status', '--porcelain')).toBe('');
	});

	it('never sees a repository whose submodules would run programs', async () => {
		const { repo } = fixture;
		const marker = join(fixture.folder, 'marker');
		commitFiles(repo, {
			'.gitmodules': `[submodule "s"]\n\tpath = s\n\turl = ext::sh -c "touch ${marker}"\n\tupdate = !touch ${marker}\n`
		});
		const remote = localRemote(repo);
		const fetched = await fetchMirror(fixture.git, { mirrorPath: fixture.mirrorPath, remote });
		expect(fetched).toMatchObject({ ok: false, error: { message: /gitmodules/ } });
		expect(existsSync(marker)).toBe(false);
	});

	it('keeps its index fresh when the files change hands', async () => {
		const path = await make();
		const file = join(path, 'README.md');
		const before = lstatSync(file);
		chmodSync(file, 0o600);
		chmodSync(file, 0o644);
		expect(lstatSync(file).ctimeMs).not.toBe(before.ctimeMs);
		expect(gitIn(path, 'diff-files', '--name-only')).toBe('');
		utimesSync(file, 1, 1);
		expect(gitIn(path, 'diff-files', '--name-only')).toBe('README.md');
	});

	it('works on a shallow mirror', async () => {
		const repo = makeRepo(join(fixture.folder, 'deep'));
		commitFiles(repo, { 'b.txt': 'b\n' });
		gitIn(fixture.folder, 'clone', '--quiet', '--depth=1', `file://${repo}`, 'shallow');
		const mirrorPath = join(fixture.folder, 'shallow.git');
		const remote = localRemote(join(fixture.folder, 'shallow'));
		expect(await fetchMirror(fixture.git, { mirrorPath, remote })).toMatchObject({ ok: true });
		const baseCommit = gitIn(repo, 'rev-parse', 'HEAD');
		const path = await make({ mirrorPath, baseCommit });
		expect(gitIn(path, 'log', '--oneline').split('\n')).toHaveLength(1);
	});
});

describe('removeWorktree', () => {
	it('removes what an agent left, and not what its links lead to', async () => {
		const path = await make();
		const outside = join(fixture.folder, 'outside');
		writeFiles(outside, { 'kept.txt': 'kept' });
		symlinkSync(outside, join(path, 'link'));
		writeFiles(path, { 'locked/inner/file.txt': 'x' });
		chmodSync(join(path, 'locked/inner'), 0o000);
		chmodSync(join(path, 'locked'), 0o000);
		expect(await removeWorktree(fixture.git, path)).toEqual({ ok: true, value: undefined });
		expect(await worktreeExists(path)).toBe(false);
		expect(existsSync(join(outside, 'kept.txt'))).toBe(true);
		expect(await removeWorktree(fixture.git, path)).toMatchObject({ ok: true });
	});
});
