/** All of an app is backed up while it runs, destroyed, and put back: the same transcript, refs and conversation. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@playwright/test';
import { TestApp } from '../support/app.ts';
import { gitIn, tempFolder } from '../support/git-fixture.ts';
import { atRest, eventsAtRest, initPid, makeRepo } from '../support/lifecycle.ts';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

const repo = tempFolder('repo');
const files = tempFolder('files');
const app = new TestApp({ SANDBOX_DRIVER: 'bubblewrap' });

test.afterAll(async () => {
	await app.remove();
	repo.remove();
	files.remove();
});

const command = (...argv: string[]) =>
	run(process.execPath, [join(ROOT, 'bin/agent-manager.mjs'), ...argv], {
		cwd: files.path,
		env: { PATH: process.env.PATH, HOME: app.home }
	});

test('a backup survives the loss of everything else', async () => {
	test.setTimeout(400_000);
	makeRepo(repo.path);
	await app.start();
	const { id: repoId } = await app.addRepo(repo.path);
	const prompt = '[[demo: tools bash="date >> d"]] [[demo: commit message="Kept"]]';
	const { id } = await app.startSession(repoId, prompt);
	const { branchName } = await app.sessionWhere(id, atRest, 'the end of the turn');
	const before = await eventsAtRest(app, id);
	const file = join(files.path, 'backup');
	expect((await command('backup', file)).stdout).toContain('1 sessions, 1 mirrors');

	await app.stop();
	process.kill(initPid(app, id), 'SIGKILL');
	rmSync(app.workspace, { recursive: true });
	expect((await command('restore', file)).stdout).toContain('Restored');
	// The agent's own commit is in the mirror that was made again.
	const mirrors = join(app.workspace, 'repos/local');
	const mirror = join(mirrors, readdirSync(mirrors)[0] ?? '');
	expect(gitIn(mirror, 'log', '-1', '--format=%s', branchName)).toBe('Kept');
	await app.start();

	const found = await app.events(id);
	expect(found.slice(0, before.length)).toEqual(before);
	await app.sessionWhere(id, ({ status }) => status === 'error', 'that the sandbox is gone');
	await app.api('POST', `/api/sessions/${id}/resume`);
	await app.sessionWhere(id, atRest, 'the session to be back');
	await app.api('POST', `/api/sessions/${id}/messages`, { message: '[[demo: text chunks=2]]' });
	await app.sessionWhere(id, (session) => session.turns === 2 && atRest(session), 'another turn');
	const later = JSON.stringify((await app.events(id)).slice(before.length));
	expect(later).not.toContain('conversation.lost');
});

test('a file that is no backup is refused with words', async () => {
	const file = join(files.path, 'text');
	writeFileSync(file, 'hello');
	const failed = (await command('restore', file).catch((error: unknown) => error)) as {
		stderr: string;
	};
	expect(failed.stderr).toContain('it is no backup of Agent Manager');
	expect(readFileSync(file, 'utf8')).toBe('hello');
});
