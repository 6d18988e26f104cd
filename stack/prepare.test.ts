import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { prepareFrom, prepareStack } from './prepare.ts';

const isRoot = process.getuid?.() === 0;
const own = process.getuid?.() ?? 0;
let folder: string;

beforeEach(async () => {
	folder = await mkdtemp(join(tmpdir(), 'am-prepare-'));
	await mkdir(join(folder, 'workspace'));
	await mkdir(join(folder, 'database'));
});
afterEach(() => rm(folder, { recursive: true }));

const prepare = (more: object = {}): Promise<string | null> =>
	prepareStack({
		...{ workspace: join(folder, 'workspace'), uid: own, gid: own },
		...{ databaseFolder: join(folder, 'database'), databaseMajor: '17', ...more }
	});

it('has nothing to say about a workspace of the app’s and an empty volume', async () => {
	expect(await prepare()).toBeNull();
});

it.skipIf(!isRoot)('gives a workspace that the engine has just made to the app', async () => {
	expect(await prepare({ uid: 4321, gid: 4321 })).toBeNull();
	expect(await stat(join(folder, 'workspace'))).toMatchObject({ uid: 4321, gid: 4321 });
});

it.skipIf(!isRoot)('leaves one that is in use as it is, and says whose it is', async () => {
	await writeFile(join(folder, 'workspace', 'token'), 'secret');
	const words = await prepare({ uid: 4321, gid: 4322 });
	expect(words).toContain('belongs to root and is not empty, and the app runs as 4321:4322');
	expect(words).toContain('sudo chown -R 4321:4322');
	expect(await stat(join(folder, 'workspace'))).toMatchObject({ uid: 0 });
});

it('names the version that an old volume was made by, and the way on', async () => {
	await writeFile(join(folder, 'database', 'PG_VERSION'), '16\n');
	await chmod(join(folder, 'database'), 0o700);
	expect(await prepare()).toContain('was made by PostgreSQL 16, and this stack runs 17');
	expect(await prepare({ databaseMajor: '16' })).toBeNull();
});

it('refuses to run the app as root, or on a path that is none', async () => {
	const env = {
		WORKSPACE_ROOT: folder,
		APP_UID: '1000',
		APP_GID: '1000',
		DATABASE_FOLDER: '/x',
		POSTGRES_MAJOR: '17'
	};
	expect(await prepareFrom({ ...env, APP_UID: '0' })).toMatch(/^APP_UID: /);
	expect(await prepareFrom({ ...env, WORKSPACE_ROOT: '~/am' })).toMatch(/^WORKSPACE_ROOT: /);
});
