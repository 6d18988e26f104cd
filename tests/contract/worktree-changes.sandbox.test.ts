/**
 * What changed in a worktree, and a person's commits and updates in it, by a real sandbox over what a
 * hostile agent can leave: promise 3, the host runs no code the agent wrote and believes no form.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
	changedBetween,
	changedInWorktree,
	fileDiffBetween,
	fileDiffInWorktree,
	type Worktree
} from '#lib/server/git/changes.ts';
import {
	commitWorktree,
	updateWorktree,
	type UpdateSource
} from '#lib/server/git/worktree-actions.ts';
import { createBubblewrapDriver } from '#lib/server/runner/sandbox/bubblewrap.ts';
import type { SandboxDriver } from '#lib/server/runner/sandbox/driver.ts';
import { prepareOwnership } from '#lib/server/runner/sandbox/sandbox-owner.ts';
import { cappedOutput } from '#lib/server/sessions/capped-output.ts';
import { commitFiles, gitIn, writeFiles } from '../support/git-fixture.ts';
import { makeMirrorFixture, type MirrorFixture } from '../support/git-mirror-fixture.ts';

let fixture: MirrorFixture;
let driver: SandboxDriver;
let unavailable: string | null;

beforeEach(async (context) => {
	fixture = await makeMirrorFixture({ 'README.md': '# Sample\n', 'old.txt': 'one\ntwo\nthree\n' });
	driver = createBubblewrapDriver({
		stateDirectory: join(fixture.folder, 'sandboxes'),
		runnerBundlePath: process.execPath,
		claudePath: process.execPath,
		nodePath: process.execPath,
		logger: pino({ level: 'silent' })
	});
	const check = await driver.check();
	unavailable = check.available ? null : (check.problem?.message ?? 'bubblewrap is not available');
	if (unavailable !== null) context.skip(unavailable);
});
afterEach(() => fixture.remove());

const run = async (argv: readonly string[], maxBytes: number, writable: boolean) => {
	const { worktreePath, mirrorPath } = fixture;
	const given = await prepareOwnership([worktreePath]);
	if (!given.ok) throw new Error(given.error.message);
	const output = cappedOutput(maxBytes);
	const ran = await driver.runOnce(
		{
			labels: { instance: 'test', session: 'session-1', epoch: 1 },
			worktreePath,
			mirrorObjectsPath: join(mirrorPath, 'objects'),
			...(writable ? { writable: true } : {})
		},
		argv,
		{ stdout: output.stream },
		AbortSignal.any([AbortSignal.timeout(60_000), output.full])
	);
	const isCut = output.full.aborted;
	if (!ran.ok && !isCut) throw new Error(ran.error.message);
	const { exitCode, stderr } = ran.ok ? ran.value : { exitCode: 0, stderr: '' };
	return { ok: true as const, value: { exitCode, stderr, output: output.text(), isCut } };
};

const worktree = (): Worktree => ({
	path: fixture.worktreePath,
	since: null,
	read: (argv, maxBytes) => run(argv, maxBytes, false)
});
const list = async () => {
	const changed = await changedInWorktree(worktree());
	if (!changed.ok) throw new Error(changed.error.message);
	return changed.value;
};
const show = (path: string, oldPath?: string) =>
	fileDiffInWorktree(worktree(), { path, ...(oldPath === undefined ? {} : { oldPath }) });

const target = () => ({
	worktreePath: fixture.worktreePath,
	branchName: fixture.branchName,
	identity: { name: 'Claude', email: 'noreply@anthropic.com' }
});
const write = (argv: readonly string[], maxBytes: number) => run(argv, maxBytes, true);
const commit = (message = 'By hand') => commitWorktree(write, target(), message);
const update = (strategy: UpdateSource['strategy'], baseCommit: string) =>
	updateWorktree(write, target(), { strategy, baseCommit, baseBranch: 'main' });
const inWorktree = (...args: string[]): string => gitIn(fixture.worktreePath, ...args);

/** A commit on upstream's main that the mirror has. */
const moveBase = (files: Record<string, string>): string => {
	const commitId = commitFiles(fixture.repo, files);
	gitIn(fixture.mirrorPath, 'fetch', '--quiet', fixture.repo, '+main:refs/remotes/origin/main');
	return commitId;
};

describe('what is not committed', () => {
	it('is every kind of change, with the worktree left as it was', async () => {
		const { worktreePath } = fixture;
		writeFiles(worktreePath, { 'README.md': '# Sample\n\nMore.\n', 'new/deep.txt': 'a\nb\n' });
		inWorktree('mv', 'old.txt', 'moved.txt');
		symlinkSync('/etc/passwd', join(worktreePath, 'link'));
		writeFileSync(join(worktreePath, 'data.bin'), Buffer.from([0, 1, 2, 0]));
		const before = inWorktree('status', '--porcelain');
		const { files, fileCount, added, removed, from } = await list();
		expect(from).toBe(fixture.baseCommit);
		expect([fileCount, added, removed]).toEqual([5, 5, 0]);
		expect(
			files.map(({ path, status, kind, added: lines }) => [path, status, kind, lines])
		).toEqual([
			['README.md', 'modified', 'file', 2],
			['data.bin', 'added', 'file', null],
			['link', 'added', 'link', 1],
			['moved.txt', 'renamed', 'file', 0],
			['new/deep.txt', 'added', 'file', 2]
		]);
		expect(await show('new/deep.txt')).toEqual({
			ok: true,
			value: { hunks: '@@ -0,0 +1,2 @@\n+a\n+b\n', omitted: null }
		});
		expect(await show('data.bin')).toEqual({ ok: true, value: { hunks: '', omitted: 'binary' } });
		expect(await show('moved.txt', 'old.txt')).toEqual({
			ok: true,
			value: { hunks: '', omitted: null }
		});
		const link = await show('link');
		expect(link.ok && link.value.hunks).toContain('+/etc/passwd');
		expect(inWorktree('status', '--porcelain')).toBe(before);
	});

	it('has names as they are, whatever is in them', async () => {
		const names = ['-rf', 'a\nb.txt', 'q"uote.txt', "it's", 'tab\there', ':(glob)*', '$(touch x)'];
		for (const name of names) writeFiles(fixture.worktreePath, { [name]: `of ${name}\n` });
		const { files } = await list();
		expect(files.map(({ path }) => path)).toEqual([...names].sort());
		for (const name of names) {
			const shown = await show(name);
			expect(shown.ok && shown.value.hunks.split('\n')[1]).toBe(`+of ${name.split('\n')[0]}`);
		}
	});

	it('stays quick and whole with 5,000 files, and leaves a huge diff out', async () => {
		const files = Array.from({ length: 5_000 }, (_, at) => [`many/file-${at}.txt`, `${at}\n`]);
		writeFiles(fixture.worktreePath, Object.fromEntries(files) as Record<string, string>);
		writeFiles(fixture.worktreePath, {
			'long.txt': Array.from({ length: 50_000 }, (_, at) => `line ${at} of a long file\n`).join('')
		});
		const listed = await list();
		expect([listed.fileCount, listed.added]).toEqual([5_001, 55_000]);
		expect(await show('long.txt')).toEqual({
			ok: true,
			value: { hunks: '', omitted: 'too_large' }
		});
	});

	it('is compared with an older commit, too: what came since, committed or not', async () => {
		const { worktreePath, baseCommit } = fixture;
		commitFiles(worktreePath, { 'done.txt': 'done\n', 'old.txt': 'one\n' });
		writeFiles(worktreePath, { 'left.txt': 'left\n', 'old.txt': 'one\ntwo\n' });
		const since = { ...worktree(), since: baseCommit };
		const changed = await changedInWorktree(since);
		expect(changed.ok && changed.value.from).toBe(baseCommit);
		expect(
			changed.ok && changed.value.files.map(({ path, status }) => `${status} ${path}`)
		).toEqual(['added done.txt', 'added left.txt', 'modified old.txt']);
		const shown = await fileDiffInWorktree(since, { path: 'old.txt' });
		expect(shown.ok && shown.value.hunks).toBe('@@ -1,3 +1,2 @@\n one\n two\n-three\n');
		const unknown = { ...worktree(), since: 'd'.repeat(40) };
		expect(await changedInWorktree(unknown)).toMatchObject({ ok: false });
	});

	it('is told by no program of the agent, and in no other form', async () => {
		const { worktreePath, folder } = fixture;
		const marker = join(folder, 'marker');
		const touch = `touch ${marker}; touch ran`;
		writeFiles(worktreePath, { 'README.md': 'changed\n', '.gitattributes': '* diff=evil\n' });
		for (const [key, value] of [
			['core.fsmonitor', touch],
			['diff.external', touch],
			['diff.evil.textconv', touch],
			['diff.evil.command', touch],
			['color.ui', 'always'],
			['diff.noprefix', 'true'],
			['diff.renames', 'false'],
			['diff.wordRegex', '.'],
			['core.quotePath', 'true']
		] as const) {
			inWorktree('config', key, value);
		}
		const { files } = await list();
		expect(files.map(({ path }) => path)).toEqual(['.gitattributes', 'README.md']);
		expect(await show('README.md')).toMatchObject({
			ok: true,
			value: { hunks: '@@ -1 +1 @@\n-# Sample\n+changed\n' }
		});
		expect(existsSync(marker)).toBe(false);
	});

	it('is an error when there is no repository to ask', async () => {
		rmSync(join(fixture.worktreePath, '.git'), { recursive: true });
		expect(await changedInWorktree(worktree())).toMatchObject({ ok: false });
	});
});

describe('a commit by hand', () => {
	it('takes all there is, under its message, and nothing the second time', async () => {
		const message = `Add "it"\n\n# not a comment; $(touch x) -m`;
		writeFiles(fixture.worktreePath, { 'a.txt': 'a\n', '-b': 'b\n' });
		writeFiles(fixture.worktreePath, { '.git/hooks/pre-commit': '#!/bin/sh\nexit 1\n' });
		execFileSync('chmod', ['+x', join(fixture.worktreePath, '.git/hooks/pre-commit')]);
		expect(await commit(message)).toEqual({ ok: true, value: undefined });
		expect(inWorktree('log', '-1', '--format=%B%an')).toBe(`${message}\nClaude`);
		expect(inWorktree('status', '--porcelain')).toBe('');
		expect(await commit()).toMatchObject({ ok: false, error: { code: 'nothing_to_do' } });
	});

	it('waits until the worktree is on its branch and has no lock', async () => {
		writeFiles(fixture.worktreePath, { 'a.txt': 'a\n', '.git/index.lock': '' });
		const notReady = { ok: false, error: { code: 'worktree_not_ready' } };
		expect(await commit()).toMatchObject(notReady);
		const lock = join(fixture.worktreePath, '.git/index.lock');
		const anHourAgo = Date.now() / 1000 - 3_600;
		utimesSync(lock, anHourAgo, anHourAgo);
		expect(await commit(), 'nobody holds one for so long').toMatchObject({ ok: true });
		expect(existsSync(lock)).toBe(false);
		inWorktree('checkout', '--quiet', '--detach');
		expect(await commit()).toMatchObject(notReady);
	});
});

describe('an update from base', () => {
	beforeEach(() => {
		commitFiles(fixture.worktreePath, { 'ours.txt': 'ours\n' });
	});

	it.each(['merge', 'rebase'] as const)('brings it in by %s, once', async (strategy) => {
		const base = moveBase({ 'theirs.txt': 'theirs\n' });
		expect(await update(strategy, base)).toEqual({ ok: true, value: undefined });
		expect(inWorktree('ls-files')).toBe('README.md\nold.txt\nours.txt\ntheirs.txt');
		expect(inWorktree('merge-base', base, 'HEAD')).toBe(base);
		const tip = inWorktree('rev-parse', 'HEAD');
		expect(inWorktree('rev-list', '--count', '--merges', 'HEAD')).toBe(
			strategy === 'merge' ? '1' : '0'
		);
		expect(await update(strategy, base)).toMatchObject({ ok: true });
		expect(inWorktree('rev-parse', 'HEAD')).toBe(tip);
	});

	it.each(['merge', 'rebase'] as const)(
		'shows conflicts of a %s, and takes it back',
		async (strategy) => {
			const tip = commitFiles(fixture.worktreePath, { 'README.md': '# Ours\n' });
			const base = moveBase({ 'README.md': '# Theirs\n' });
			const conflict = {
				ok: false,
				error: { code: 'merge_conflict', details: { conflicts: ['README.md'] } }
			};
			expect(await update(strategy, base)).toMatchObject(conflict);
			expect((await list()).files[0]).toMatchObject({ path: 'README.md', status: 'conflicted' });
			expect(await update(strategy, base), 'asked for again').toMatchObject(conflict);
			expect(await commit(), 'markers are not committed').toMatchObject(conflict);
			expect(await update('abort', base)).toEqual({ ok: true, value: undefined });
			expect([inWorktree('rev-parse', 'HEAD'), inWorktree('status', '--porcelain')]).toEqual([
				tip,
				''
			]);
			expect(await update('abort', base)).toMatchObject({ error: { code: 'nothing_to_do' } });
		}
	);

	it('does not begin over what is not committed', async () => {
		writeFiles(fixture.worktreePath, { 'README.md': 'mine\n' });
		expect(await update('merge', moveBase({ 'x.txt': 'x\n' }))).toMatchObject({
			error: { code: 'worktree_not_ready' }
		});
	});
});

describe('commits of the mirror', () => {
	it('are compared there', async () => {
		const { git, mirrorPath, baseCommit, repo } = fixture;
		execFileSync('rm', [join(repo, 'old.txt')]);
		const to = moveBase({ 'README.md': '# Other\n', 'a\nb': 'x\n' });
		const compared = { mirrorPath, from: baseCommit, to };
		const changed = await changedBetween(git, compared);
		expect(
			changed.ok && changed.value.files.map(({ path, status }) => `${status} ${path}`)
		).toEqual(['modified README.md', 'added a\nb', 'deleted old.txt']);
		expect(await fileDiffBetween(git, compared, { path: 'README.md' })).toEqual({
			ok: true,
			value: { hunks: '@@ -1 +1 @@\n-# Sample\n+# Other\n', omitted: null }
		});
	});
});
