/**
 * Puts a backup in the place of what is there, after its file was read in full and checked. What it holds is laid out beside the workspace's folders, then the tables are replaced in
 * one transaction, then the folders change places. Older ones are kept under `before-restore-…`.
 */
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { hasRows, knowsMigration, restoreTables } from '#lib/server/db/backup-tables.ts';
import { databaseErrorMessage } from '#lib/server/db/connection-errors.ts';
import type { Fence } from '#lib/server/db/manager-lease.ts';
import type { Git } from '#lib/server/git/exec.ts';
import { unbundleMirror } from '#lib/server/git/mirror-bundle.ts';
import { backupContents, type BackupManifest } from './backup-file.ts';

export interface RestoreOptions {
	path: string;
	/** What the check of the file has found. */
	manifest: BackupManifest;
	url: string;
	/** Of the lease that keeps every manager away meanwhile. */
	fence: Fence;
	workspaceRoot: string;
	git: Git;
	/** Also in the place of what is there. */
	force: boolean;
	now: () => Date;
	say: (text: string) => void;
}

export interface Restored {
	manifest: BackupManifest;
	/** Where the folders are that were in the place; null if there were none. */
	keptIn: string | null;
}

/** What changes places. Worktrees are made again from the mirrors. */
const FOLDERS = ['repos', 'sessions', 'worktrees'] as const;

/** Errors: `bad_request` for what the file or the target is; nothing was changed then. */
export const restoreBackup = async (
	options: RestoreOptions
): Promise<Result<Restored, WireError>> => {
	const { path, manifest, say } = options;
	if (!knowsMigration(manifest.migration)) {
		return refused(
			`${path} was made by a newer version of Agent Manager (${manifest.appVersion}).`,
			'Update the app, then restore.'
		);
	}
	if (!options.force && (await isInUse(options))) {
		return refused(
			'There are repos or sessions already, in the database or in the workspace.',
			'Give an empty WORKSPACE_ROOT and database, or restore in their place with --force.'
		);
	}
	await mkdir(options.workspaceRoot, { recursive: true, mode: 0o755 });
	const staging = await mkdtemp(join(options.workspaceRoot, '.restore-'));
	try {
		const staged = await stageFiles(options, staging);
		if (!staged.ok) return staged;
		say('Tables');
		const { url, fence } = options;
		const { tables, migration } = manifest;
		await restoreTables({ url, fence, tables, migration, rows: rowsOf(path) });
		return ok({ manifest, keptIn: await changePlaces(options, staging) });
	} catch (error) {
		return fail(
			wireError('internal', `The restore failed: ${databaseErrorMessage(error)}`, {
				hint: 'The database is as it was. Mend the cause, then restore again.'
			})
		);
	} finally {
		await rm(staging, { recursive: true, force: true });
	}
};

const refused = (message: string, hint: string): Result<never, WireError> =>
	fail(wireError('bad_request', `${message} Nothing was changed.`, { hint }));

const isInUse = async ({ url, workspaceRoot }: RestoreOptions): Promise<boolean> => {
	if (await hasRows(url)) return true;
	const counts = await Promise.all(
		FOLDERS.map(async (name) => (await readdir(join(workspaceRoot, name)).catch(() => [])).length)
	);
	return counts.some((count) => count > 0);
};

const MIRROR = /^mirrors\/(.+)\.bundle$/;

const stageFiles = async (
	{ path, git, say }: RestoreOptions,
	staging: string
): Promise<Result<void, WireError>> => {
	say('Sessions’ folders and mirrors');
	for (const name of FOLDERS) await mkdir(join(staging, name));
	for await (const { name, content } of backupContents(path)) {
		const mirror = MIRROR.exec(name)?.[1];
		if (mirror === undefined && !name.startsWith('sessions/')) continue;
		const target = join(staging, mirror === undefined ? name : 'mirror.bundle');
		await mkdir(dirname(target), { recursive: true });
		await pipeline(content, createWriteStream(target, { mode: 0o600 }));
		if (mirror === undefined) continue;
		const made = await unbundleMirror(git, target, join(staging, 'repos', mirror));
		if (!made.ok) return made;
		await rm(target);
	}
	return ok();
};

async function* rowsOf(path: string): AsyncGenerator<{ table: string; text: Buffer }> {
	for await (const { name, content } of backupContents(path)) {
		const [kind, table] = name.split('/');
		if (kind !== 'database' || table === undefined) continue;
		for await (const text of content) yield { table, text };
	}
}

const changePlaces = async (
	{ workspaceRoot, now }: RestoreOptions,
	staging: string
): Promise<string | null> => {
	const time = now().toISOString().replace(/[:.]/g, '-');
	const keptIn = join(workspaceRoot, `before-restore-${time}`);
	let kept = false;
	for (const name of FOLDERS) {
		const place = join(workspaceRoot, name);
		if ((await readdir(place).catch(() => [])).length > 0) {
			await mkdir(keptIn, { recursive: true });
			await rename(place, join(keptIn, name));
			kept = true;
		}
		await rm(place, { recursive: true, force: true });
		await rename(join(staging, name), place);
	}
	return kept ? keptIn : null;
};
