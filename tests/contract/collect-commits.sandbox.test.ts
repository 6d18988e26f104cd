/**
 * Commits come out of a real sandbox whose git directory is as hostile as an agent can make it:
 * promise 3, the host runs no code the agent wrote.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { collectCommits } from '#lib/server/git/collect.ts';
import { createBubblewrapDriver } from '#lib/server/runner/sandbox/bubblewrap.ts';
import type { SandboxDriver } from '#lib/server/runner/sandbox/driver.ts';
import { prepareOwnership, sandboxOwner } from '#lib/server/runner/sandbox/sandbox-owner.ts';
import { commitFiles, gitIn, writeFiles } from '../support/git-fixture.ts';
import { makeMirrorFixture, type MirrorFixture } from '../support/git-mirror-fixture.ts';

let fixture: MirrorFixture;
let driver: SandboxDriver;
let unavailable: string | null;

beforeEach(async () => {
	fixture = await makeMirrorFixture();
	driver = createBubblewrapDriver({
		stateDirectory: join(fixture.folder, 'sandboxes'),
		runnerBundlePath: process.execPath,
		claudePath: process.execPath,
		nodePath: process.execPath,
		logger: pino({ level: 'silent' })
	});
	const check = await driver.check();
	unavailable = check.available ? null : (check.problem?.message ?? 'bubblewrap is not available');
});

afterEach(() => fixture.remove());

const collect = async () => {
	const { git, mirrorPath, worktreePath, branchName, baseCommit } = fixture;
	const given = await prepareOwnership([worktreePath]);
	expect(given.ok).toBe(true);
	return collectCommits(git, {
		mirrorPath,
		worktreePath,
		branchName,
		baseCommit,
		signal: AbortSignal.timeout(20_000),
		runInSandbox: (argv, stdout, signal) =>
			driver.runOnce(
				{
					labels: { instance: 'test', session: 'session-1', epoch: 1 },
					worktreePath,
					mirrorObjectsPath: join(mirrorPath, 'objects')
				},
				argv,
				{ stdout },
				signal
			)
	});
};

describe('collecting from a sandbox', () => {
	it('brings its commits, and nothing the second time', async ({ skip }) => {
		if (unavailable !== null) skip(unavailable);
		expect(await collect()).toMatchObject({ ok: true, value: { head: null, commitCount: 0 } });
		const head = commitFiles(fixture.worktreePath, { 'a.txt': 'a\n' });
		expect(await collect()).toEqual({
			ok: true,
			value: { head, commitCount: 1, changed: true, fastForward: true }
		});
		expect(await collect()).toMatchObject({ ok: true, value: { head, changed: false } });
		expect(gitIn(fixture.mirrorPath, 'rev-parse', 'refs/heads/agent/try-1')).toBe(head);
	});

	it('keeps what the agent planted inside', async ({ skip }) => {
		if (unavailable !== null) skip(unavailable);
		const { worktreePath, mirrorPath, folder } = fixture;
		const head = commitFiles(worktreePath, { 'a.txt': 'a\n' });
		const marker = join(folder, 'marker');
		const touch = `touch ${marker}`;
		writeFiles(worktreePath, {
			'.git/hooks/reference-transaction': `#!/bin/sh\n${touch}\n`,
			'.git/hooks/pre-push': `#!/bin/sh\n${touch}\n`
		});
		execFileSync('chmod', ['-R', '+x', join(worktreePath, '.git/hooks')]);
		for (const [key, value] of [
			['core.fsmonitor', touch],
			['core.sshCommand', touch],
			['core.pager', touch],
			['core.alternateRefsCommand', touch],
			['uploadpack.packObjectsHook', touch],
			['gpg.program', touch],
			['log.showSignature', 'true'],
			['diff.external', touch],
			['remote.origin.url', `ext::sh -c "${touch}"`],
			['remote.origin.uploadpack', touch],
			['alias.bundle', `!${touch}`],
			['alias.rev-parse', `!${touch}`]
		] as const) {
			gitIn(worktreePath, 'config', key, value);
		}
		writeFileSync(
			join(worktreePath, '.git/objects/info/http-alternates'),
			'https://evil.example\n'
		);
		expect(await collect()).toMatchObject({ ok: true, value: { head, commitCount: 1 } });
		expect(existsSync(marker)).toBe(false);
		expect(gitIn(mirrorPath, 'fsck', '--strict')).toBe('');
		expect(gitIn(mirrorPath, 'for-each-ref', '--format=%(refname)')).not.toContain('evil');
	});

	it('gives an error, and no harm, when the git directory is swapped or broken', async ({
		skip
	}) => {
		if (unavailable !== null) skip(unavailable);
		const { worktreePath, mirrorPath, folder } = fixture;
		const secret = join(folder, 'secret');
		writeFiles(secret, { 'file.txt': 'secret\n' });
		gitIn(secret, 'init', '--quiet', '--initial-branch=agent/try-1');
		const secretTip = commitFiles(secret, {});
		execFileSync('rm', ['-rf', join(worktreePath, '.git')]);
		writeFileSync(join(worktreePath, '.git'), `gitdir: ${secret}/.git\n`);
		const swapped = await collect();
		expect(swapped.ok && swapped.value.head).not.toBe(secretTip);
		expect(() => gitIn(mirrorPath, 'cat-file', '-e', secretTip)).toThrow();
		execFileSync('rm', ['-rf', join(worktreePath, '.git')]);
		const broken = await collect();
		expect(broken.ok && broken.value.changed).toBe(false);
		expect(sandboxOwner().uid).not.toBe(0);
	});
});
