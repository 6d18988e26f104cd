/**
 * The files of a session's folder: outbox, the agent's configuration and conversation. A sandbox may be
 * writing there, and may be hostile: only regular files are read, no link is followed, and each file counts
 * as long as it was when it was opened.
 */
import { constants } from 'node:fs';
import { open, opendir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

/** The door is a socket of the manager's, made anew at each start. */
const LEFT_OUT = new Set(['door']);
const DEPTH_MAX = 32;
const CHUNK_BYTES = 256 * 1024;

export interface SessionFile {
	/** Relative to the folder, with forward slashes. */
	path: string;
	size: number;
	content: AsyncIterable<Buffer>;
}

/** Each file in turn, opened; it is closed when the next one is asked for. */
export async function* sessionFiles(
	folder: string,
	below = '',
	depth = 0
): AsyncGenerator<SessionFile> {
	if (depth > DEPTH_MAX) return;
	const directory = await opendir(join(folder, below)).catch(() => null);
	if (!directory) return;
	for await (const entry of directory) {
		const path = below === '' ? entry.name : `${below}/${entry.name}`;
		if (LEFT_OUT.has(path)) continue;
		if (entry.isDirectory()) yield* sessionFiles(folder, path, depth + 1);
		else if (entry.isFile()) yield* openFile(folder, path);
	}
}

async function* openFile(folder: string, path: string): AsyncGenerator<SessionFile> {
	const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
	const file = await open(join(folder, path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(() => null);
	// Gone meanwhile, as an outbox's segment is once it was acknowledged.
	if (!file) return;
	try {
		const stat = await file.stat();
		if (stat.isFile()) yield { path, size: stat.size, content: readUpTo(file, stat.size) };
	} finally {
		await file.close();
	}
}

/** Exactly `size` bytes: one that was shortened since is filled up, which its reader takes for a torn end. */
async function* readUpTo(file: FileHandle, size: number): AsyncGenerator<Buffer> {
	for (let at = 0; at < size;) {
		const length = Math.min(CHUNK_BYTES, size - at);
		const buffer = Buffer.alloc(length);
		const { bytesRead } = await file.read(buffer, 0, length, at);
		yield bytesRead === 0 ? buffer : buffer.subarray(0, bytesRead);
		at += bytesRead === 0 ? length : bytesRead;
	}
}
