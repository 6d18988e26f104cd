/**
 * Writes a file into a folder that a sandbox could write to. What stands there may be a link that an
 * agent planted, so it is removed and the new file is made, never opened.
 */
import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';

/** Throws what the file system throws. Call it while no sandbox of the session runs. */
export const replaceFile = async (path: string, text: string, mode: number): Promise<void> => {
	await rm(path, { force: true, recursive: true });
	const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
	const file = await open(path, flags, mode);
	try {
		await file.writeFile(text);
	} finally {
		await file.close();
	}
};
