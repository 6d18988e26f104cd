/** Backup and restore of the app's workspace and database, as the two commands call them. */
import { join } from 'node:path';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, type Result } from '#lib/domain/result.ts';
import { readInstance } from './access/instance.ts';
import { checkBackup } from './backup/backup-file.ts';
import { makeBackup, type BackupSummary } from './backup/make-backup.ts';
import { restoreBackup, type Restored } from './backup/restore-backup.ts';
import type { Config } from './config.ts';
import { waitForDatabase } from './db/client.ts';
import { startEmbeddedPostgres } from './db/embedded-postgres.ts';
import { takeManagerLease, type Leader, type ManagerLease } from './db/manager-lease.ts';
import { createGit } from './git/exec.ts';
import { readAppVersion } from './project-root.ts';

const DATABASE_WAIT_MS = 30_000;

export interface BackupCommand {
	config: Config;
	/** Of the file. */
	path: string;
	say: (text: string) => void;
}

/** With the app's database, embedded (started for this if it does not run) or external. */
const withDatabase = async <T>(
	{ config, say }: BackupCommand,
	use: (url: string) => Promise<Result<T, WireError>>
): Promise<Result<T, WireError>> => {
	if (config.databaseUrl !== null) {
		const url = config.databaseUrl;
		const onWaiting = ({ message }: { message: string }): void =>
			say(`Waiting for the database: ${message}`);
		const there = await waitForDatabase({ url, timeoutMs: DATABASE_WAIT_MS, onWaiting });
		return there.ok ? use(url) : there;
	}
	const folder = join(config.workspaceRoot, 'postgres');
	const started = await startEmbeddedPostgres({ folder, onStatus: say });
	if (!started.ok) return started;
	try {
		return await use(started.value.url);
	} finally {
		if (started.value.origin !== 'adopted') await started.value.stop({ unlessInUse: true });
	}
};

/** While the app runs or not. */
export const backUp = (command: BackupCommand): Promise<Result<BackupSummary, WireError>> =>
	withDatabase(command, async (url) => {
		const { config, path, say } = command;
		const { workspaceRoot } = config;
		return makeBackup({
			...{ url, path, say, workspaceRoot },
			instance: await readInstance(workspaceRoot),
			appVersion: readAppVersion(),
			git: createGit(),
			now: () => new Date()
		});
	});

/** Keeps every manager away; one that leads is in the way. */
const takeLease = async (
	url: string,
	instance: string
): Promise<Result<ManagerLease, WireError>> => {
	const giveUp = new AbortController();
	let leader: Leader | null = null;
	const taken = await takeManagerLease({
		...{ url, instance, address: '' },
		holder: `a restore, pid ${process.pid}`,
		onStandby: (found) => {
			leader = found;
			giveUp.abort();
		},
		onLost: () => undefined,
		signal: giveUp.signal
	});
	const found = leader as Leader | null;
	if (taken.ok || found === null) return taken;
	return fail(
		wireError('bad_request', `The app runs (${found.holder}). Nothing was changed.`, {
			hint: 'Stop it first.'
		})
	);
};

/** Only while the app does not run. The file is checked before anything is made or started. */
export const restore = async (
	command: BackupCommand & { force: boolean }
): Promise<Result<Restored, WireError>> => {
	const checked = await checkBackup(command.path);
	if (!checked.ok) return checked;
	return withDatabase(command, async (url) => {
		const { config, path, say, force } = command;
		const { workspaceRoot } = config;
		const lease = await takeLease(url, await readInstance(workspaceRoot));
		if (!lease.ok) return lease;
		try {
			const fence = lease.value;
			const git = createGit();
			const now = (): Date => new Date();
			const manifest = checked.value;
			const about = { url, path, manifest, force, workspaceRoot };
			return await restoreBackup({ ...about, fence, git, now, say });
		} finally {
			await lease.value.release();
		}
	});
};
