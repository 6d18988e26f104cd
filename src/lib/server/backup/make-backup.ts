/**
 * Writes a backup while the app runs. Files come first, the tables after them: what an outbox gives up
 * meanwhile is then in the tables, and what is in both is taken once. So the log has no hole, and at worst
 * an agent's conversation ends a moment before it.
 */
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { withSnapshot, type DatabaseSnapshot } from '#lib/server/db/backup-tables.ts';
import type { Git } from '#lib/server/git/exec.ts';
import { bundleMirror } from '#lib/server/git/mirror-bundle.ts';
import { BackupWriter, newManifest } from './backup-file.ts';
import { sessionFiles } from './session-files.ts';

/** Rows are gathered up to this size: an entry of a tar says its length before its content. */
const PIECE_BYTES = 4 << 20;

export interface BackupOptions {
	/** Must not be there. */
	path: string;
	url: string;
	workspaceRoot: string;
	instance: string;
	appVersion: string;
	git: Git;
	now: () => Date;
	say: (text: string) => void;
}

export interface BackupSummary {
	bytes: number;
	repos: number;
	sessions: number;
}

class Stop extends Error {
	readonly wire: WireError;
	constructor(wire: WireError) {
		super(wire.message);
		this.wire = wire;
	}
}

/** Errors: `bad_request` (the file is there), `disk_full`, `database_unreachable`, git's. */
export const makeBackup = async (
	options: BackupOptions
): Promise<Result<BackupSummary, WireError>> => {
	const { path } = options;
	if (await stat(path).catch(() => null)) {
		return fail(
			wireError('bad_request', `${path} is there already.`, { hint: 'Give another name.' })
		);
	}
	const unfinished = `${path}.part`;
	await rm(unfinished, { force: true });
	const writer = new BackupWriter(unfinished);
	try {
		const counts = await write(options, writer);
		await rename(unfinished, path);
		return ok({ ...counts, bytes: (await stat(path)).size });
	} catch (error) {
		await writer.abandon();
		await rm(unfinished, { force: true });
		if (error instanceof Stop) return fail(error.wire);
		const { code, message } = error as NodeJS.ErrnoException;
		return fail(
			code === 'ENOSPC' || code === 'EDQUOT'
				? wireError('disk_full', `No space left for ${path}.`)
				: wireError('internal', `The backup failed: ${message}`, { hint: 'No file was left.' })
		);
	}
};

const write = async (
	options: BackupOptions,
	writer: BackupWriter
): Promise<Omit<BackupSummary, 'bytes'>> => {
	const { workspaceRoot, say } = options;
	// Which tables there are stands in the manifest, which comes first.
	const about = await withSnapshot(options.url, ({ tables, migration, serverVersion }) =>
		Promise.resolve({ tables, migration, serverVersion })
	);
	const { instance, appVersion } = options;
	const createdAt = options.now().toISOString();
	const manifest = newManifest({ ...about, instance, appVersion, createdAt });
	await writer.addText('manifest.json', Buffer.from(JSON.stringify(manifest)));
	const sessions = await readdir(join(workspaceRoot, 'sessions')).catch(() => []);
	say(`Sessions' folders: ${sessions.length}`);
	for (const id of sessions) await writeSession(writer, join(workspaceRoot, 'sessions'), id);
	const mirrors = await findMirrors(join(workspaceRoot, 'repos'));
	say(`Mirrors: ${mirrors.length}`);
	for (const mirror of mirrors) await writeMirror(options, writer, mirror);
	say('Tables');
	await withSnapshot(options.url, async (snapshot) => {
		if (snapshot.migration !== about.migration) {
			throw new Stop(
				wireError('database_unreachable', 'The database was migrated meanwhile.', {
					hint: 'Back it up again.'
				})
			);
		}
		for (const table of snapshot.tables) await writeTable(writer, snapshot, table);
	});
	await writer.end();
	return { repos: mirrors.length, sessions: sessions.length };
};

const SESSION_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const writeSession = async (writer: BackupWriter, folder: string, id: string): Promise<void> => {
	if (!SESSION_ID.test(id)) return;
	for await (const { path, size, content } of sessionFiles(join(folder, id))) {
		await writer.add(`sessions/${id}/${path}`, size, content);
	}
};

/** Relative to the folder: whatever has objects and a HEAD. */
const findMirrors = async (folder: string, below = ''): Promise<string[]> => {
	const entries = await readdir(join(folder, below), { withFileTypes: true }).catch(() => []);
	const names = new Set(entries.map(({ name }) => name));
	if (names.has('objects') && names.has('HEAD')) return [below];
	const folders = entries.filter((entry) => entry.isDirectory() && entry.name !== '.removed');
	const found = await Promise.all(
		folders.map(({ name }) => findMirrors(folder, below === '' ? name : `${below}/${name}`))
	);
	return found.flat();
};

const writeMirror = async (
	{ git, workspaceRoot }: BackupOptions,
	writer: BackupWriter,
	mirror: string
): Promise<void> => {
	const scratch = await mkdtemp(join(workspaceRoot, '.backup-'));
	try {
		const file = join(scratch, 'mirror.bundle');
		const bundled = await bundleMirror(git, join(workspaceRoot, 'repos', mirror), file);
		if (!bundled.ok) throw new Stop(bundled.error);
		if (!bundled.value) return;
		const { size } = await stat(file);
		await writer.add(`mirrors/${mirror}.bundle`, size, createReadStream(file));
	} finally {
		await rm(scratch, { recursive: true, force: true });
	}
};

const writeTable = async (
	writer: BackupWriter,
	snapshot: DatabaseSnapshot,
	table: DatabaseSnapshot['tables'][number]
): Promise<void> => {
	let piece: Buffer[] = [];
	let bytes = 0;
	let number = 0;
	const flush = async (): Promise<void> => {
		if (bytes === 0) return;
		const name = `database/${table.name}/${String((number += 1)).padStart(6, '0')}`;
		await writer.addText(name, Buffer.concat(piece, bytes));
		piece = [];
		bytes = 0;
	};
	for await (const chunk of snapshot.read(table)) {
		piece.push(chunk);
		bytes += chunk.length;
		if (bytes >= PIECE_BYTES) await flush();
	}
	await flush();
};
