import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startEmbeddedPostgres } from '#lib/server/db/embedded-postgres.ts';
import { testDatabase } from '../../../../tests/support/postgres.ts';
import { checkDatabase } from './check-database.ts';

let workspace: string;
beforeEach(async () => {
	workspace = await mkdtemp(join(tmpdir(), 'am-doctor-db-'));
});
afterEach(() => rm(workspace, { recursive: true, force: true }));

describe('the embedded database', () => {
	it('is told absent, running and stopped, and is not touched', async () => {
		expect((await checkDatabase(null, workspace)).found).toContain('made at the first start');
		expect(await readdir(workspace)).toEqual([]);
		const started = await startEmbeddedPostgres({ folder: join(workspace, 'postgres') });
		if (!started.ok) throw new Error(started.error.message);
		const running = await checkDatabase(null, workspace);
		expect(running).toMatchObject({
			status: 'ok',
			found: expect.stringContaining(`runs (pid ${started.value.pid})`)
		});
		await started.value.stop();
		expect((await checkDatabase(null, workspace)).found).toContain('starts with the app');
	});

	it('of another version is a failure', async () => {
		await mkdir(join(workspace, 'postgres', 'data'), { recursive: true });
		await writeFile(join(workspace, 'postgres', 'data', 'PG_VERSION'), '9\n');
		expect(await checkDatabase(null, workspace)).toMatchObject({ status: 'fail' });
	});
});

describe('an external database', () => {
	it('answers, or fails at once, without its password', async () => {
		const database = await testDatabase({ empty: true });
		const answers = await checkDatabase(database.url, workspace);
		expect(answers.status).toBe('ok');
		expect(answers.found).toContain(':***@');
		await database.close();
		expect(await checkDatabase(database.url, workspace)).toMatchObject({ status: 'fail' });
	});
});
