/** What can be said about the embedded database without starting or changing anything. */
import { readFile, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { wireError } from '#lib/domain/errors.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { findNativeFolder, readPackageVersion } from './embedded-postgres-binaries.ts';
import { urlFor } from './embedded-postgres-connect.ts';
import { checkDataVersion, chooseUser, StartFailure } from './embedded-postgres-data.ts';
import { readLivePidFile } from './embedded-postgres-folder.ts';

export interface EmbeddedPostgresStatus {
	/** Of the binaries, such as `18`. */
	version: string;
	state:
		| { kind: 'absent' }
		| { kind: 'stopped' }
		/** `url` has the password in it. */
		| { kind: 'running'; pid: number; url: string };
}

/** Errors: what would keep the server from starting, as far as it can be told beforehand. */
export async function inspectEmbeddedPostgres(
	folder: string
): Promise<Result<EmbeddedPostgresStatus, WireError>> {
	const native = findNativeFolder();
	if (native === null) {
		return fail(
			wireError(
				'database_unreachable',
				`There is no embedded PostgreSQL for ${process.platform} ${process.arch}.`,
				{ hint: 'Run `npm install` again, or set DATABASE_URL to a PostgreSQL 15 or later.' }
			)
		);
	}
	try {
		const version = (await readPackageVersion(native)).split('.')[0] ?? '';
		const data = join(folder, 'data');
		if ((await stat(data).catch(() => null)) === null) {
			return ok({ version, state: { kind: 'absent' } });
		}
		const dataFolder = await realpath(data);
		await chooseUser(await realpath(folder), dataFolder, undefined);
		checkDataVersion(
			dataFolder,
			await readFile(join(dataFolder, 'PG_VERSION'), 'utf8').catch(() => null),
			version
		);
		const live = await readLivePidFile(dataFolder);
		if (live === null) return ok({ version, state: { kind: 'stopped' } });
		const url = await urlFor({ dataFolder, socketFolder: live.socketFolder }, live.port);
		return ok({ version, state: { kind: 'running', pid: live.pid, url } });
	} catch (error) {
		if (error instanceof StartFailure) return fail(error.wire);
		return fail(
			wireError(
				'database_unreachable',
				`The embedded database in ${folder} can’t be read: ${(error as Error).message}`,
				{ hint: 'Give yourself the right to read it, or choose another WORKSPACE_ROOT.' }
			)
		);
	}
}
