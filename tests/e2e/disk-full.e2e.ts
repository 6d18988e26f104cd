/**
 * The workspace's disk fills up while agents work, database and outboxes alike, and is freed: it is said,
 * nothing is torn, and the sessions go on by themselves.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { TestApp, until } from '../support/app.ts';
import { tempFolder } from '../support/git-fixture.ts';
import { atRest, makeRepo, violations } from '../support/lifecycle.ts';

const SIZE_MB = 700;
const isRoot = process.getuid?.() === 0;

/** Writes until there is no space left. */
const fill = (folder: string): string => {
	const path = join(folder, 'filler');
	const file = openSync(path, 'a');
	for (let size = 4 << 20; size >= 1; size >>= 1) {
		try {
			for (;;) writeSync(file, Buffer.alloc(size, 1));
		} catch (cause) {
			if ((cause as NodeJS.ErrnoException).code !== 'ENOSPC') throw cause;
		}
	}
	closeSync(file);
	return path;
};

test('a full disk holds everything up and loses nothing', async () => {
	test.skip(process.platform !== 'linux' || !isRoot, 'only root can mount a small disk');
	test.setTimeout(240_000);
	const repo = tempFolder('repo');
	const disk = tempFolder('disk');
	makeRepo(repo.path);
	execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MB}m,mode=755`, 'tmpfs', disk.path]);
	const app = new TestApp({
		SANDBOX_DRIVER: 'bubblewrap',
		WORKSPACE_ROOT: join(disk.path, 'workspace')
	});
	try {
		await app.start();
		const { id: repoId } = await app.addRepo(repo.path);
		const turn = '[[demo: tools bash="seq 1 4000"]]'.repeat(12);
		const session = await app.startSession(repoId, '[[demo: text text="here"]]');
		await app.sessionWhere(session.id, atRest, 'rest');
		await app.api('POST', `/api/sessions/${session.id}/messages`, { message: turn });
		await app.sessionWhere(session.id, ({ turns }) => turns === 2, 'the turn');
		const filler = fill(disk.path);
		expect(statfsSync(disk.path).bavail).toBe(0);
		// Something that needs more space than what is set aside already.
		const answer = await until(async () => {
			const message = `[[demo: text text="${'x'.repeat(500_000)}"]]`;
			const { status, body } = await app.api('POST', `/api/sessions/${session.id}/messages`, {
				message
			});
			return status >= 500 ? { status, code: body.error.code as string } : null;
		}, 'a refusal');
		expect([
			[507, 'disk_full'],
			[503, 'database_unreachable']
		]).toContainEqual([answer.status, answer.code]);
		rmSync(filler);
		await until(() => app.session(session.id).catch(() => null), 'the app to answer');
		const done = await app.sessionWhere(
			session.id,
			(now) => now.status === 'error' || (atRest(now) && now.turns >= 2),
			'its end'
		);
		if (done.status === 'error') {
			await app.api('POST', `/api/sessions/${session.id}/resume`);
			await app.sessionWhere(session.id, atRest, 'resumed');
		}
		await app.api('POST', `/api/sessions/${session.id}/messages`, {
			message: '[[demo: text text="on"]]'
		});
		await app.sessionWhere(session.id, (now) => atRest(now) && now.turns > done.turns, 'a turn');
		expect(violations(await app.events(session.id))).toEqual([]);
	} finally {
		await app.remove();
		execFileSync('umount', ['--lazy', disk.path]);
		disk.remove();
		repo.remove();
	}
});
