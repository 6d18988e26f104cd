/** Checkpoints of a real worktree and their way back, by the scripts that sandboxes run. */
import { execFile } from 'node:child_process';
import {
	chmodSync,
	existsSync,
	lstatSync,
	mkdirSync,
	readFileSync,
	readlinkSync,
	rmSync,
	symlinkSync,
	truncateSync,
	writeFileSync
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CHECKPOINT_REFS, CHECKPOINT_SCRIPT } from '@agent-manager/protocol/checkpoint-script.ts';
import { ok } from '#lib/domain/result.ts';
import {
	commitFiles,
	gitIn,
	tempFolder,
	writeFiles,
	type TempFolder
} from '../../../../tests/support/git-fixture.ts';
import { filesBefore, restoreCheckpoint } from './checkpoint-restore.ts';
import type { WriteInSandbox } from './worktree-actions.ts';

let folder: TempFolder;
let worktree: string;

const run = (argv: readonly string[]) =>
	new Promise<{ exitCode: number; output: string; stderr: string }>((resolve) => {
		const [program = '', ...args] = argv;
		execFile(program, args, (error, output, stderr) =>
			resolve({ exitCode: error ? Number(error.code ?? 1) : 0, output, stderr })
		);
	});
const write: WriteInSandbox = async (argv) => ok(await run(argv));

const checkpoint = async (): Promise<{ commit: string; leftOut: number }> => {
	const ran = await run(['sh', '-c', CHECKPOINT_SCRIPT, 'checkpoint', worktree]);
	if (ran.exitCode !== 0) throw new Error(`${ran.exitCode} ${ran.stderr}`);
	const [commit = '', leftOut] = ran.output.trim().split(' ');
	return { commit, leftOut: Number(leftOut) };
};
const restore = (commandId: string, to: string) =>
	restoreCheckpoint(write, { worktreePath: worktree, branchName: 'agent/x', commandId }, to);

const at = (name: string): string => join(worktree, name);
const text = (name: string): string | null =>
	existsSync(at(name)) ? readFileSync(at(name), 'utf8') : null;
/** All that a person or the agent would see of git. */
const seen = () => ({
	head: gitIn(worktree, 'rev-parse', 'HEAD'),
	on: gitIn(worktree, 'symbolic-ref', '-q', 'HEAD'),
	status: gitIn(worktree, 'status', '--porcelain', '--untracked-files=all')
});

beforeEach(() => {
	folder = tempFolder('checkpoint');
	worktree = join(folder.path, 'worktree');
	mkdirSync(worktree);
	gitIn(worktree, 'init', '--quiet', '--initial-branch=agent/x');
	commitFiles(worktree, { 'kept.txt': 'one\n', 'src/a.js': 'a\n', '.gitignore': 'ignored\n' });
});
afterEach(() => folder.remove());

it('keeps what is not committed and not tracked, and touches neither index nor HEAD nor hooks', async () => {
	writeFiles(worktree, {
		'kept.txt': 'two\n',
		'new file\nwith a break.txt': 'new\n',
		'.git/hooks/reference-transaction': '#!/bin/sh\ntouch hook-ran\n',
		'.git/hooks/post-index-change': '#!/bin/sh\ntouch hook-ran\n'
	});
	for (const hook of ['reference-transaction', 'post-index-change']) {
		chmodSync(at(`.git/hooks/${hook}`), 0o755);
	}
	writeFiles(worktree, { 'staged.txt': 'staged\n', ignored: 'secret\n' });
	gitIn(worktree, '-c', 'core.hooksPath=/dev/null', 'add', 'staged.txt');
	const index = readFileSync(at('.git/index'));
	const head = gitIn(worktree, 'rev-parse', 'HEAD');
	const { commit } = await checkpoint();
	expect(readFileSync(at('.git/index'))).toEqual(index);
	expect(gitIn(worktree, 'rev-parse', 'HEAD')).toBe(head);
	expect(existsSync(at('hook-ran'))).toBe(false);
	const names = gitIn(worktree, 'ls-tree', '-r', '-z', '--name-only', commit).split('\0');
	expect(names).toEqual([
		...['.gitignore', 'kept.txt', 'new file\nwith a break.txt', 'src/a.js', 'staged.txt', '']
	]);
	expect(gitIn(worktree, 'show', `${commit}:kept.txt`)).toBe('two');
	// The branch knows nothing of it, and nothing changed is nothing new.
	expect(gitIn(worktree, 'log', '--format=%s', 'agent/x')).toBe('Change files');
	expect((await checkpoint()).commit).toBe(commit);
});

it('puts files, branch and uncommitted changes back, and all of that again by an undo', async () => {
	writeFiles(worktree, { 'kept.txt': 'edited\n', 'loose.txt': 'loose\n' });
	symlinkSync('kept.txt', at('link'));
	const before = seen();
	const { commit } = await checkpoint();

	commitFiles(worktree, { 'src/b.js': 'b\n' }, 'Later');
	rmSync(at('kept.txt'));
	mkdirSync(at('kept.txt'));
	writeFiles(worktree, { 'kept.txt/inner': 'x\n', 'later.txt': 'later\n', ignored: 'mine\n' });
	rmSync(at('link'));
	const after = seen();

	const restored = await restore('r1', commit);
	expect(restored).toMatchObject({ ok: true, value: { head: before.head } });
	expect(seen()).toEqual(before);
	expect([text('kept.txt'), text('loose.txt'), text('later.txt'), text('src/b.js')]).toEqual([
		...['edited\n', 'loose\n', null, null]
	]);
	expect(lstatSync(at('link')).isSymbolicLink() && readlinkSync(at('link'))).toBe('kept.txt');
	expect(text('ignored')).toBe('mine\n');

	expect(await restore('u1', filesBefore('r1'))).toMatchObject({ value: { head: after.head } });
	expect(seen()).toEqual(after);
	expect([text('kept.txt/inner'), text('later.txt'), text('src/b.js')]).toEqual([
		...['x\n', 'later\n', 'b\n']
	]);
});

it('begun anew after it was cut off, keeps what was there before the first try', async () => {
	writeFiles(worktree, { 'mine.txt': 'mine\n' });
	const { commit } = await checkpoint();
	writeFiles(worktree, { 'mine.txt': 'theirs\n', 'more.txt': 'more\n' });
	await restore('r1', commit);
	// As a manager that was killed before it had written down how it ended.
	writeFiles(worktree, { '.git/agent-manager-index.lock': '', '.git/index.lock': '' });
	expect(await restore('r1', commit)).toMatchObject({ ok: true, value: { filesChanged: 2 } });
	expect(text('mine.txt')).toBe('mine\n');
	await restore('u1', filesBefore('r1'));
	expect([text('mine.txt'), text('more.txt')]).toEqual(['theirs\n', 'more\n']);
});

it('keeps an ignored file that it writes over', async () => {
	writeFiles(worktree, { 'settings.json': 'of the repo\n' });
	const { commit } = await checkpoint();
	rmSync(at('.git/agent-manager-index'));
	writeFiles(worktree, { 'settings.json': 'my own\n', '.gitignore': 'ignored\nsettings.json\n' });
	await restore('r1', commit);
	expect(text('settings.json')).toBe('of the repo\n');
	await restore('u1', filesBefore('r1'));
	expect(text('settings.json')).toBe('my own\n');
});

it('goes back to a commit of the branch, from the middle of a merge', async () => {
	const began = gitIn(worktree, 'rev-parse', 'HEAD');
	gitIn(worktree, 'checkout', '--quiet', '-b', 'other');
	commitFiles(worktree, { 'kept.txt': 'theirs\n' });
	gitIn(worktree, 'checkout', '--quiet', 'agent/x');
	commitFiles(worktree, { 'kept.txt': 'ours\n' });
	expect(() => gitIn(worktree, 'merge', 'other')).toThrow();
	const { commit: conflicted } = await checkpoint();
	expect(gitIn(worktree, 'show', `${conflicted}:kept.txt`)).toContain('<<<<<<<');
	expect(await restore('r1', began)).toMatchObject({ ok: true, value: { head: began } });
	expect(seen()).toEqual({ head: began, on: 'refs/heads/agent/x', status: '' });
	expect(existsSync(at('.git/MERGE_HEAD'))).toBe(false);
});

it('leaves large untracked files and other repositories alone', async () => {
	writeFileSync(at('large.bin'), '');
	truncateSync(at('large.bin'), 100_000_000);
	mkdirSync(at('nested'));
	gitIn(at('nested'), 'init', '--quiet');
	commitFiles(at('nested'), { 'inner.txt': 'inner\n' });
	const first = await checkpoint();
	expect(first.leftOut).toBe(1);
	writeFiles(worktree, { 'small.txt': 'small\n' });
	await checkpoint();
	expect(await restore('r1', first.commit)).toMatchObject({ ok: true });
	expect(text('small.txt')).toBeNull();
	expect(lstatSync(at('large.bin')).size).toBe(100_000_000);
	expect(text('nested/inner.txt')).toBe('inner\n');
});

it('says that a checkpoint is gone, and has changed nothing then', async () => {
	writeFiles(worktree, { 'kept.txt': 'two\n' });
	expect(await restore('r1', 'f'.repeat(40))).toMatchObject({
		ok: false,
		error: { code: 'not_found' }
	});
	expect(text('kept.txt')).toBe('two\n');
	expect(gitIn(worktree, 'for-each-ref', CHECKPOINT_REFS)).toBe('');
});
