/** The workspace's own id, on every label of what it makes. Made once, kept in the workspace. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const readInstance = async (workspaceRoot: string): Promise<string> => {
	await mkdir(workspaceRoot, { recursive: true, mode: 0o755 });
	const path = join(workspaceRoot, 'instance');
	try {
		const file = await open(path, 'wx', 0o644);
		await file.writeFile(`${randomUUID()}\n`);
		await file.close();
	} catch (cause) {
		if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
	}
	const instance = (await readFile(path, 'utf8')).trim();
	if (!UUID.test(instance)) throw new Error(`${path} holds no id: restore or delete it`);
	return instance;
};
