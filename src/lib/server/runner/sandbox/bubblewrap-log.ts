/** The log of a bubblewrap sandbox, which its shim keeps in two files, `log.old` and `log`. */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { lastLines, LOG_TAIL_BYTES } from './log-lines.ts';

const tailOf = async (path: string): Promise<string> => {
	const file = await open(path, 'r').catch(() => null);
	if (!file) return '';
	try {
		const { size } = await file.stat();
		const length = Math.min(size, LOG_TAIL_BYTES);
		const { buffer, bytesRead } = await file.read(
			Buffer.alloc(length),
			...([0, length, size - length] as const)
		);
		return buffer.toString('utf8', 0, bytesRead);
	} finally {
		await file.close();
	}
};

/** The last lines of what the runner printed, oldest first; none when there is no log. */
export const readLog = async (folder: string, maxLines: number): Promise<string[]> => {
	const parts = await Promise.all(['log.old', 'log'].map((name) => tailOf(join(folder, name))));
	return lastLines(parts.join(''), maxLines);
};
