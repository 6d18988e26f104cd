import { spawn } from 'node:child_process';
import {
	existsSync,
	mkdirSync,
	readFileSync,
	readdirSync,
	symlinkSync,
	truncateSync,
	writeFileSync
} from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ok } from '#lib/domain/result.ts';
import { commitFiles, gitIn, writeFiles } from '../../../../tests/support/git-fixture.ts';
import {
	makeMirrorFixture,
	type MirrorFixture
} from '../../../../tests/support/git-mirror-fixture.ts';
import { changedBetween, fileDiffBetween } from './changes.ts';
import { collectCommits, importBundle, type RunInSandbox } from './collect.ts';

let fixture: MirrorFixture;

beforeEach(async () => {
	fixture = await makeMirrorFixture();
});

afterEach(() => fixture.remove());

/** Stands for a sandbox: the same program, with nobody's git settings. */
const runHere: RunInSandbox = (argv, stdout, signal) =>
	new Promise((resolve) => {
		const [program = '', ...args] = argv;
		const child = spawn(program, args, { signal, stdio: ['ignore', 'pipe', 'pipe'] });
		let stderr = '';
		child.on('error', () => undefined);
		child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
		child.stdout.pipe(stdout);
		child.on('close', (code) => resolve(ok({ exitCode: code ?? 137, stderr })));
	});

/** A sandbox that sends what it likes. */
const sends =
	(...chunks: (string | Buffer)[]): RunInSandbox =>
	async (_argv, stdout) => {
		await pipeline(Readable.from(chunks), stdout).catch(() => undefined);
		return ok({ exitCode: 0, stderr: '' });
	};

const collect = (runInSandbox: RunInSandbox = runHere, maxBytes?: number) =>
	collectCommits(fixture.git, {
		mirrorPath: fixture.mirrorPath,
		worktreePath: fixture.worktreePath,
		branchName: fixture.branchName,
		baseCommit: fixture.baseCommit,
		runInSandbox,
		maxBytes,
		signal: AbortSignal.timeout(20_000)
	});

const mirrorRefs = (): string =>
	gitIn(fixture.mirrorPath, 'for-each-ref', '--format=%(objectname) %(refname)');

/** Nothing of an attack may be left: refs as before, no file on its way, no object that is unsound. */
const expectUntouched = (refsBefore: string): void => {
	expect(mirrorRefs()).toBe(refsBefore);
	expect(readdirSync(join(fixture.mirrorPath, 'incoming'))).toEqual([]);
	expect(gitIn(fixture.mirrorPath, 'fsck', '--strict', '--no-dangling')).toBe('');
};

describe('collectCommits', () => {
	it('finds nothing to take before the first commit', async () => {
		expect(await collect()).toEqual({
			ok: true,
			value: { head: null, commitCount: 0, changed: false, fastForward: true }
		});
		expect(mirrorRefs()).not.toContain('refs/heads/');
	});

	it('brings commits into the session’s branch, turn after turn', async () => {
		const first = commitFiles(fixture.worktreePath, { 'a.txt': 'a\n' });
		expect(await collect()).toEqual({
			ok: true,
			value: { head: first, commitCount: 1, changed: true, fastForward: true }
		});
		commitFiles(fixture.worktreePath, { 'b.txt': 'b\n' });
		const third = commitFiles(fixture.worktreePath, { 'c/d.txt': 'd\n' });
		expect(await collect()).toEqual({
			ok: true,
			value: { head: third, commitCount: 3, changed: true, fastForward: true }
		});
		expect(await collect()).toEqual({
			ok: true,
			value: { head: third, commitCount: 3, changed: false, fastForward: true }
		});
		expect(gitIn(fixture.mirrorPath, 'rev-parse', 'refs/heads/agent/try-1')).toBe(third);
		expect(gitIn(fixture.mirrorPath, 'show', `${third}:c/d.txt`)).toBe('d');
		expect(gitIn(fixture.mirrorPath, 'fsck', '--strict')).toBe('');
	});

	it('follows a branch that was rewritten or taken back, and says so', async () => {
		commitFiles(fixture.worktreePath, { 'a.txt': 'a\n' });
		const second = commitFiles(fixture.worktreePath, { 'b.txt': 'b\n' });
		await collect();
		gitIn(fixture.worktreePath, 'commit', '--quiet', '--amend', '-m', 'Again');
		const amended = gitIn(fixture.worktreePath, 'rev-parse', 'HEAD');
		expect(await collect()).toEqual({
			ok: true,
			value: { head: amended, commitCount: 2, changed: true, fastForward: false }
		});
		gitIn(fixture.worktreePath, 'reset', '--quiet', '--hard', fixture.baseCommit);
		expect(await collect()).toEqual({
			ok: true,
			value: { head: fixture.baseCommit, commitCount: 0, changed: true, fastForward: false }
		});
		gitIn(fixture.worktreePath, 'reset', '--quiet', '--hard', second);
		expect(await collect()).toMatchObject({ ok: true, value: { head: second, commitCount: 2 } });
	});

	it('brings the branch over whatever the agent left: a lock, a rebase half done, a detached HEAD', async () => {
		const { worktreePath } = fixture;
		commitFiles(worktreePath, { 'a.txt': 'a\n' });
		const tip = commitFiles(worktreePath, { 'b.txt': 'b\n' });
		const edit = ['-c', 'sequence.editor=sed -i 1s/pick/edit/', 'rebase', '-i', 'HEAD~2'];
		gitIn(worktreePath, ...edit);
		commitFiles(worktreePath, { 'c.txt': 'on no branch\n' });
		writeFiles(worktreePath, { '.git/index.lock': '', '.git/HEAD.lock': '' });
		expect(existsSync(join(worktreePath, '.git/rebase-merge'))).toBe(true);
		expect(await collect()).toEqual({
			ok: true,
			value: { head: tip, commitCount: 2, changed: true, fastForward: true }
		});
		expect(gitIn(fixture.mirrorPath, 'rev-parse', 'refs/heads/agent/try-1')).toBe(tip);
	});

	it('takes a blob of 500 MB in without holding it, and says so when that is over the limit', async () => {
		const { worktreePath, mirrorPath } = fixture;
		const bytes = 500 * 1024 * 1024;
		const path = join(worktreePath, 'model.bin');
		writeFileSync(path, '');
		truncateSync(path, bytes);
		gitIn(worktreePath, '-c', 'core.bigFileThreshold=1m', '-c', 'core.compression=1', 'add', '.');
		gitIn(worktreePath, 'commit', '--quiet', '-m', 'Add the model');
		const before = mirrorRefs();
		expect(await collect(runHere, 64 * 1024)).toMatchObject({
			ok: false,
			error: { message: expect.stringMatching(/commits were refused: .* too large/) as unknown }
		});
		expectUntouched(before);
		const heldBefore = process.memoryUsage().rss;
		expect(await collect()).toMatchObject({ ok: true, value: { commitCount: 1 } });
		expect(process.memoryUsage().rss - heldBefore).toBeLessThan(100 * 1024 * 1024);
		const tip = gitIn(mirrorPath, 'rev-parse', `refs/heads/${fixture.branchName}`);
		expect(gitIn(mirrorPath, 'cat-file', '-s', `${tip}:model.bin`)).toBe(String(bytes));
		const compared = { mirrorPath, from: fixture.baseCommit, to: tip };
		const changed = await changedBetween(fixture.git, compared);
		expect(changed.ok && changed.value.files).toMatchObject([{ path: 'model.bin', added: null }]);
		expect(await fileDiffBetween(fixture.git, compared, { path: 'model.bin' })).toEqual({
			ok: true,
			value: { hunks: '', omitted: 'binary' }
		});
	}, 120_000);

	it('takes a submodule in as the commit it names, and fetches nothing of it', async () => {
		const { worktreePath, mirrorPath, git } = fixture;
		const elsewhere = 'b'.repeat(40);
		writeFiles(worktreePath, {
			'.gitmodules': '[submodule "lib"]\n\tpath = lib\n\turl = http://127.0.0.1:9/lib.git\n'
		});
		gitIn(worktreePath, 'add', '.');
		gitIn(worktreePath, 'update-index', '--add', '--cacheinfo', `160000,${elsewhere},lib`);
		gitIn(worktreePath, 'commit', '--quiet', '-m', 'Use lib');
		expect(await collect()).toMatchObject({ ok: true, value: { commitCount: 1 } });
		const to = gitIn(mirrorPath, 'rev-parse', `refs/heads/${fixture.branchName}`);
		const compared = { mirrorPath, from: fixture.baseCommit, to };
		const changed = await changedBetween(git, compared);
		expect(changed.ok && changed.value.files.at(-1)).toMatchObject({
			...{ path: 'lib', status: 'added', kind: 'submodule' }
		});
		const shown = await fileDiffBetween(git, compared, { path: 'lib' });
		expect(shown.ok && shown.value.hunks).toBe(`@@ -0,0 +1 @@\n+Subproject commit ${elsewhere}\n`);
		expect(existsSync(join(mirrorPath, 'modules'))).toBe(false);
	});

	it('keeps what it has when the branch is gone from the worktree', async () => {
		const tip = commitFiles(fixture.worktreePath, { 'a.txt': 'a\n' });
		await collect();
		gitIn(fixture.worktreePath, 'checkout', '--quiet', '-b', 'other');
		gitIn(fixture.worktreePath, 'branch', '-D', fixture.branchName);
		expect(await collect()).toEqual({
			ok: true,
			value: { head: tip, commitCount: 1, changed: false, fastForward: true }
		});
	});

	it('works when upstream has dropped the base', async () => {
		const { repo, git, mirrorPath } = fixture;
		gitIn(repo, 'checkout', '--quiet', '--orphan', 'fresh');
		commitFiles(repo, { 'only.txt': 'x\n' });
		gitIn(repo, 'branch', '-M', 'fresh', 'main');
		const { fetchMirror } = await import('./mirror.ts');
		const { localRemote } = await import('../../../../tests/support/git-mirror-fixture.ts');
		await fetchMirror(git, { mirrorPath, remote: localRemote(repo) });
		const tip = commitFiles(fixture.worktreePath, { 'a.txt': 'a\n' });
		expect(await collect()).toMatchObject({ ok: true, value: { head: tip, commitCount: 1 } });
	});

	it('takes a session’s commits once when asked from two sides', async () => {
		const tip = commitFiles(fixture.worktreePath, { 'a.txt': 'a\n' });
		const results = await Promise.all([collect(), collect(), collect()]);
		expect(results.map((result) => result.ok && result.value.head)).toEqual([tip, tip, tip]);
		expect(results.filter((result) => result.ok && result.value.changed)).toHaveLength(1);
	});

	it('rolls many small packs into few', async () => {
		for (let i = 0; i < 55; i++) {
			commitFiles(fixture.worktreePath, { 'n.txt': `${i}\n` });
			expect((await collect()).ok).toBe(true);
		}
		const packs = readdirSync(join(fixture.mirrorPath, 'objects/pack')).filter((name) =>
			name.endsWith('.pack')
		);
		expect(packs.length).toBeLessThan(30);
		expect(gitIn(fixture.mirrorPath, 'fsck', '--strict')).toBe('');
		expect(gitIn(fixture.worktreePath, 'fsck', '--strict')).toBe('');
	}, 240_000);
});

describe('a hostile sandbox', () => {
	const realBundle = async (): Promise<Buffer> => {
		let bytes = Buffer.alloc(0);
		await collect((argv, _stdout, signal) => {
			const chunks: Buffer[] = [];
			return new Promise((resolve) => {
				const [program = '', ...args] = argv;
				const child = spawn(program, args, { signal });
				child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
				child.on('close', () => {
					bytes = Buffer.concat(chunks);
					resolve(ok({ exitCode: 1, stderr: '' }));
				});
			});
		});
		return bytes;
	};

	it('can’t send anything but the one branch', async () => {
		commitFiles(fixture.worktreePath, { 'a.txt': 'a\n' });
		const bundle = await realBundle();
		const before = mirrorRefs();
		const text = bundle.toString('latin1');
		const variants: (string | Buffer)[] = [
			'',
			'garbage\n',
			Buffer.alloc(100_000),
			Buffer.from(text.replace('agent/try-1', 'agent/try-2'), 'latin1'),
			Buffer.from(text.replace('refs/heads/agent/try-1', 'refs/remotes/origin/main'), 'latin1'),
			Buffer.from(text.replace('refs/heads/', 'refs/heads/../'), 'latin1'),
			bundle.subarray(0, bundle.length - 10),
			bundle.subarray(0, 200),
			Buffer.concat([bundle.subarray(0, bundle.length - 30), Buffer.alloc(30)]),
			`known ${'1'.repeat(40)}\n`,
			`known ${gitIn(fixture.repo, 'rev-parse', 'HEAD^{tree}')}\n`
		];
		for (const variant of variants) {
			const result = await collect(sends(variant));
			expect(result).toMatchObject({ ok: false, error: { code: 'git_failed' } });
			expectUntouched(before);
		}
		expect(await collect(sends(bundle))).toMatchObject({ ok: true, value: { commitCount: 1 } });
	});

	it('can’t name a tip that its pack does not hold', async () => {
		commitFiles(fixture.worktreePath, { 'a.txt': 'a\n' });
		const tip = gitIn(fixture.worktreePath, 'rev-parse', 'HEAD');
		const bundle = (await realBundle()).toString('latin1').replace(tip, 'f'.repeat(40));
		const before = mirrorRefs();
		expect(await collect(sends(Buffer.from(bundle, 'latin1')))).toMatchObject({ ok: false });
		expect(mirrorRefs()).toBe(before);
	});

	it('can’t fill the disk', async () => {
		const before = mirrorRefs();
		const endless: RunInSandbox = async (_argv, stdout, signal) => {
			const flood = function* () {
				yield '# v2 git bundle\n';
				for (;;) yield Buffer.alloc(65_536, 'x');
			};
			await pipeline(Readable.from(flood()), stdout, { signal }).catch(() => undefined);
			return ok({ exitCode: 0, stderr: '' });
		};
		const result = await collect(endless, 1_000_000);
		expect(result).toMatchObject({ ok: false, error: { message: /too large/ } });
		expectUntouched(before);
	});

	it('can’t make the manager wait for ever', async () => {
		const before = mirrorRefs();
		const stop = new AbortController();
		const collecting = collectCommits(fixture.git, {
			mirrorPath: fixture.mirrorPath,
			worktreePath: fixture.worktreePath,
			branchName: fixture.branchName,
			baseCommit: fixture.baseCommit,
			runInSandbox: (_argv, _stdout, signal) =>
				new Promise((resolve) => {
					signal.addEventListener('abort', () => resolve(ok({ exitCode: 137, stderr: '' })));
					stop.abort();
				}),
			signal: stop.signal
		});
		expect(await collecting).toMatchObject({ ok: false });
		expectUntouched(before);
	});

	it('does not wait for a stream that was cut off', async () => {
		const result = await collect((_argv, stdout) => {
			stdout.destroy();
			return Promise.resolve(ok({ exitCode: 137, stderr: '' }));
		});
		expect(result).toMatchObject({ ok: false });
	});

	it('can’t speak to the terminal or the page through its errors', async () => {
		const result = await collect(() =>
			Promise.resolve(
				ok({
					exitCode: 1,
					stderr: 'fatal: \u001b]52;c;x\u0007\u001b[2J https://u:pw@h/x gho_secret1\n'
				})
			)
		);
		expect(result.ok).toBe(false);
		const text = JSON.stringify(result);
		expect(text).not.toMatch(/\\u001b|\\u0007|pw@|secret1/);
	});

	/** A commit whose tree holds an entry that no honest git would make. */
	const plantTree = (name: string, mode: string, content: string): void => {
		const { worktreePath } = fixture;
		writeFileSync(join(worktreePath, '.content'), content);
		const blob = gitIn(worktreePath, 'hash-object', '-w', '.content');
		const entry = Buffer.concat([
			Buffer.from(`${mode} ${name}\0`),
			Buffer.from(mode === '40000' ? gitIn(worktreePath, 'rev-parse', 'HEAD^{tree}') : blob, 'hex')
		]);
		writeFileSync(join(worktreePath, '.tree'), entry);
		const tree = gitIn(worktreePath, 'hash-object', '-t', 'tree', '-w', '--literally', '.tree');
		const commit = gitIn(worktreePath, 'commit-tree', '-p', 'HEAD', '-m', 'Planted', tree);
		gitIn(worktreePath, 'update-ref', `refs/heads/${fixture.branchName}`, commit);
	};

	it.each([
		['.git', '40000', ''],
		['.GIT', '40000', ''],
		['git~1', '40000', ''],
		['.g\u200cit', '40000', ''],
		['..', '40000', ''],
		['.', '40000', ''],
		['a/b', '100644', 'x'],
		['', '100644', 'x'],
		['.gitmodules', '100644', '[submodule "s"]\n\tpath = s\n\turl = -u./x\n'],
		['.gitmodules', '100644', '[submodule "../s"]\n\tpath = s\n\turl = https://x/y\n'],
		['.gitmodules', '120000', '/etc/passwd']
	])('can’t commit a tree with %j (%s)', async (name, mode, content) => {
		plantTree(name, mode, content);
		const before = mirrorRefs();
		expect(await collect()).toMatchObject({ ok: false, error: { code: 'git_failed' } });
		expectUntouched(before);
	});

	it('runs nothing on the host, whatever it plants in its git directory and files', async () => {
		const { worktreePath, mirrorPath, folder } = fixture;
		const marker = join(folder, 'marker');
		const touch = `touch ${marker}`;
		const tip = commitFiles(worktreePath, {
			'a.txt': 'a\n',
			'.gitattributes': '* filter=x diff=x merge=x\n',
			'.gitconfig': `[core]\n\tfsmonitor = ${touch}\n`
		});
		writeFiles(worktreePath, {
			'.git/config': [
				'[core]\n\tbare = false\n\trepositoryformatversion = 0',
				`\tfsmonitor = ${touch}\n\tpager = ${touch}\n\teditor = ${touch}\n\tsshCommand = ${touch}`,
				`\thooksPath = ${worktreePath}/.hooks\n\tgitProxy = ${touch}\n\taskPass = ${touch}`,
				`\talternateRefsCommand = ${touch}\n\tworktree = /\n`,
				`[filter "x"]\n\tclean = ${touch}; cat\n\tsmudge = ${touch}; cat\n\tprocess = ${touch}`,
				`[diff]\n\texternal = ${touch}\n[diff "x"]\n\ttextconv = ${touch}\n\tcommand = ${touch}`,
				`[merge "x"]\n\tdriver = ${touch}\n[gpg]\n\tprogram = ${touch}\n[log]\n\tshowSignature = true`,
				`[uploadpack]\n\tpackObjectsHook = ${touch}\n[credential]\n\thelper = !${touch}`,
				`[remote "origin"]\n\turl = ext::sh -c "${touch}"\n\tuploadpack = ${touch}\n\tpromisor = true`,
				`[include]\n\tpath = ${worktreePath}/.gitconfig\n[alias]\n\tbundle = !${touch}\n`
			].join('\n'),
			'.git/objects/info/alternates': `${mirrorPath}/objects\n/etc\n`
		});
		mkdirSync(join(worktreePath, '.hooks'));
		for (const hook of ['post-checkout', 'reference-transaction', 'pre-auto-gc', 'post-rewrite']) {
			writeFileSync(join(worktreePath, '.hooks', hook), `#!/bin/sh\n${touch}\n`, { mode: 0o755 });
		}
		symlinkSync(marker, join(worktreePath, 'link'));

		// the sandbox's own git may run them: that is inside; here it is replaced by what it sends
		const bundlePath = join(folder, 'sent.bundle');
		gitIn(
			mirrorPath,
			'-c',
			'safe.directory=*',
			'fetch',
			'--quiet',
			'--upload-pack=env GIT_CONFIG_GLOBAL=/dev/null git upload-pack',
			worktreePath,
			`refs/heads/${fixture.branchName}:refs/test/planted`
		);
		gitIn(mirrorPath, 'update-ref', `refs/heads/${fixture.branchName}`, 'refs/test/planted');
		gitIn(mirrorPath, 'bundle', 'create', '-q', bundlePath, `refs/heads/${fixture.branchName}`);
		gitIn(mirrorPath, 'update-ref', '-d', `refs/heads/${fixture.branchName}`);
		gitIn(mirrorPath, 'update-ref', '-d', 'refs/test/planted');
		const { rmSync } = await import('node:fs');
		rmSync(marker, { force: true });

		const { mirrorPath: path, branchName, baseCommit, git } = fixture;
		const refs = await import('./refs.ts');
		const { listBranches, sweepMirror } = await import('./mirror.ts');
		const { createWorktree, removeWorktree } = await import('./worktree.ts');
		const imported = await importBundle(git, {
			mirrorPath: path,
			bundlePath,
			branchName,
			baseCommit
		});
		expect(imported).toMatchObject({ ok: true, value: { head: tip } });
		await listBranches(git, path);
		await refs.branchExists(git, path, branchName);
		await refs.commitCount(git, path, baseCommit, tip);
		await refs.isAncestor(git, path, baseCommit, tip);
		await refs.unpushedBranches(git, path);
		await refs.saveBundle(git, path, [`refs/heads/${branchName}`], join(folder, 'saved.bundle'));
		await refs.saveRefs(git, { mirrorPath: path, sessionId: 's', branchName });
		await sweepMirror(path);
		const identity = { name: 'Agent', email: 'agent@localhost' };
		const spec = {
			mirrorPath: path,
			worktreePath,
			branchName,
			baseCommit: tip,
			baseBranch: 'main',
			identity
		};
		expect(await createWorktree(git, spec)).toMatchObject({ ok: true, value: { created: false } });
		const second = { ...spec, worktreePath: join(folder, 'second') };
		expect(await createWorktree(git, second)).toMatchObject({ ok: true, value: { created: true } });
		await removeWorktree(git, worktreePath);
		expect(existsSync(marker)).toBe(false);
		expect(readFileSync(join(path, 'config'), 'utf8')).not.toContain('touch');
	});

	it('is refused also when the file is cut short after it was received', async () => {
		commitFiles(fixture.worktreePath, { 'a.txt': 'a\n' });
		const bundlePath = join(fixture.folder, 'cut.bundle');
		writeFileSync(bundlePath, await realBundle());
		truncateSync(bundlePath, 300);
		const { git, mirrorPath, branchName, baseCommit } = fixture;
		const result = await importBundle(git, { mirrorPath, bundlePath, branchName, baseCommit });
		expect(result).toMatchObject({ ok: false, error: { code: 'git_failed' } });
	});
});
