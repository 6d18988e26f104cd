/** Makes a small file whole or not at all: of two processes that start at once, one makes it. */
import { randomUUID } from 'node:crypto';
import { link, rename, rm, writeFile } from 'node:fs/promises';

/** False when it is there already. Never leaves an empty or half-written file behind. */
export const createOnce = async (path: string, text: string, mode: number): Promise<boolean> => {
	const draft = `${path}.${randomUUID()}`;
	try {
		await writeFile(draft, text, { mode, flag: 'wx' });
		await link(draft, path);
		return true;
	} catch (cause) {
		const { code } = cause as NodeJS.ErrnoException;
		if (code === 'EEXIST') return false;
		if (code !== 'EPERM' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw cause;
		// A file system without hard links.
		await rename(draft, path);
		return true;
	} finally {
		await rm(draft, { force: true });
	}
};
