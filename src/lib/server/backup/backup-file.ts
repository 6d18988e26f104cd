/**
 * The file of a backup: a gzipped tar. First `manifest.json`; then `database/TABLE/NUMBER` (rows in COPY's
 * text form), `mirrors/PATH.bundle` and `sessions/ID/…`; last `end.json` with the number of entries and a
 * SHA-256 over all names, sizes and contents before it. Whatever was cut off or changed shows there.
 */
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { extract, pack, type Header, type Pack } from 'tar-stream';
import * as z from 'zod';
import { wireError } from '#lib/domain/errors.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { backupTableSchema } from '#lib/server/db/backup-tables.ts';

const FORMAT = 'agent-manager-backup';
const VERSION = 1;
/** Of manifest and end; a file is as long as it is. */
const NOTE_MAX_BYTES = 1 << 20;

export const manifestSchema = z.object({
	format: z.literal(FORMAT),
	version: z.literal(VERSION),
	createdAt: z.iso.datetime(),
	/** Of the app that made it. */
	appVersion: z.string(),
	/** Of the workspace that it was made from. */
	instance: z.string(),
	serverVersion: z.string(),
	migration: z.int(),
	tables: z.array(backupTableSchema)
});
export type BackupManifest = z.infer<typeof manifestSchema>;

export const newManifest = (about: Omit<BackupManifest, 'format' | 'version'>): BackupManifest => ({
	format: FORMAT,
	version: VERSION,
	...about
});

const endSchema = z.object({ entries: z.int(), sha256: z.string() });

/** What may stand in a file: anything else is somebody else's. */
const ENTRY_NAME =
	/^(database\/[a-z_]+\/\d{6,}|mirrors\/[^/\0]+(\/[^/\0]+)*\.bundle|sessions\/[0-9a-f-]{36}\/[^/\0]+(\/[^/\0]+)*)$/;

const isSafeName = (name: string): boolean =>
	ENTRY_NAME.test(name) && !name.split('/').some((part) => part === '..' || part === '.');

const addToHash = (hash: Hash, name: string, size: number): Hash =>
	hash.update(`${name}\0${size}\0`);

export class BackupWriter {
	readonly #pack: Pack = pack();
	readonly #hash = createHash('sha256');
	readonly #written: Promise<void>;
	#entries = 0;

	constructor(path: string) {
		this.#written = pipeline(
			this.#pack,
			createGzip({ level: 3 }),
			// Never over a file that is there, and for nobody else to read.
			createWriteStream(path, { flags: 'wx', mode: 0o600, flush: true })
		);
		this.#written.catch(() => undefined);
	}

	/** `content` must have exactly `size` bytes. */
	async add(name: string, size: number, content: AsyncIterable<Buffer>): Promise<void> {
		this.#entries += 1;
		addToHash(this.#hash, name, size);
		const entry = this.#pack.entry({ name, size, mode: 0o600, mtime: new Date(0) });
		const hash = this.#hash;
		const hashed = async function* (): AsyncGenerator<Buffer> {
			for await (const chunk of content) {
				hash.update(chunk);
				yield chunk;
			}
		};
		await Promise.race([pipeline(hashed, entry), this.#failed()]);
	}

	addText(name: string, text: Buffer): Promise<void> {
		return this.add(name, text.length, single(text));
	}

	async end(): Promise<void> {
		const note = { entries: this.#entries, sha256: this.#hash.digest('hex') };
		await Promise.race([
			finished(this.#pack.entry({ name: 'end.json' }, JSON.stringify(note))),
			this.#failed()
		]);
		this.#pack.finalize();
		await this.#written;
	}

	/** Ends it unfinished. */
	async abandon(): Promise<void> {
		this.#pack.destroy();
		await this.#written.catch(() => undefined);
	}

	/** Rejects when the file can't be written; never resolves. */
	async #failed(): Promise<never> {
		await this.#written;
		return new Promise(() => undefined);
	}
}

async function* single(text: Buffer): AsyncGenerator<Buffer> {
	yield text;
}

export interface BackupEntry {
	name: string;
	size: number;
	content: AsyncIterable<Buffer>;
}

class Unreadable extends Error {}

/** Each entry after the manifest, in order; its content must be read before the next. Throws. */
async function* readEntries(path: string): AsyncGenerator<BackupEntry> {
	const tar = extract();
	const reading = pipeline(createReadStream(path), createGunzip(), tar);
	reading.catch(() => undefined);
	try {
		for await (const entry of tar as AsyncIterable<Readable & { header: Header }>) {
			const { name, size = 0, type } = entry.header;
			if (type !== 'file') throw new Unreadable(`an entry that is no file: ${name}`);
			yield { name, size, content: entry as AsyncIterable<Buffer> };
			entry.resume();
		}
		await reading;
	} finally {
		tar.destroy();
	}
}

const readBytes = async ({ name, size, content }: BackupEntry): Promise<Buffer> => {
	if (size > NOTE_MAX_BYTES) throw new Unreadable(`${name} is too long`);
	const chunks: Buffer[] = [];
	for await (const chunk of content) chunks.push(chunk);
	return Buffer.concat(chunks);
};

const parseJson = (bytes: Buffer): unknown => JSON.parse(bytes.toString('utf8'));

const unreadable = (path: string, why: string): Result<never, WireError> =>
	fail(
		wireError('bad_request', `${path} can’t be restored: ${why} Nothing was changed.`, { hint: '' })
	);

/** Reads all of it once and compares it with its own end. Errors: `bad_request`, with words. */
export const checkBackup = async (path: string): Promise<Result<BackupManifest, WireError>> => {
	const hash = createHash('sha256');
	let manifest: BackupManifest | null = null;
	let end: z.infer<typeof endSchema> | null = null;
	let entries = 0;
	try {
		for await (const entry of readEntries(path)) {
			if (manifest === null && entry.name !== 'manifest.json') break;
			if (end !== null) throw new Unreadable('something follows its end');
			if (entry.name === 'end.json') {
				end = endSchema.parse(parseJson(await readBytes(entry)));
				continue;
			}
			entries += 1;
			addToHash(hash, entry.name, entry.size);
			if (manifest === null) {
				const bytes = await readBytes(entry);
				hash.update(bytes);
				const parsed = manifestSchema.safeParse(parseJson(bytes));
				if (!parsed.success) return unreadable(path, whatElse(parseJson(bytes)));
				manifest = parsed.data;
				continue;
			}
			if (!isSafeName(entry.name)) throw new Unreadable(`an unknown entry: ${entry.name}`);
			for await (const chunk of entry.content) hash.update(chunk);
		}
	} catch (error) {
		const { code, message } = error as NodeJS.ErrnoException;
		if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR') {
			return unreadable(path, `it can’t be opened (${code}).`);
		}
		return manifest === null
			? unreadable(path, 'it is no backup of Agent Manager.')
			: unreadable(path, `it is damaged or cut off (${message}).`);
	}
	if (manifest === null) return unreadable(path, 'it is no backup of Agent Manager.');
	if (end === null) return unreadable(path, 'it is cut off: its end is missing.');
	if (end.entries !== entries || end.sha256 !== hash.digest('hex')) {
		return unreadable(path, 'it is damaged: its checksum is wrong.');
	}
	return ok(manifest);
};

const whatElse = (note: unknown): string => {
	const { format, version } = (note ?? {}) as { format?: unknown; version?: unknown };
	return format === FORMAT && version !== VERSION
		? `its format is version ${String(version)}; this app reads version ${VERSION}.`
		: 'it is no backup of Agent Manager.';
};

/** What is between manifest and end, of a file that was checked. */
export async function* backupContents(path: string): AsyncGenerator<BackupEntry> {
	for await (const entry of readEntries(path)) {
		if (isSafeName(entry.name)) yield entry;
	}
}
