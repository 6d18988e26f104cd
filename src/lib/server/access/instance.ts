/** The workspace's own id, on every label of what it makes. Made once, kept in the workspace. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createOnce } from './create-once.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const readInstance = async (workspaceRoot: string): Promise<string> => {
	await mkdir(workspaceRoot, { recursive: true, mode: 0o755 });
	const path = join(workspaceRoot, 'instance');
	if (!existsSync(path)) await createOnce(path, `${randomUUID()}\n`, 0o644);
	const instance = (await readFile(path, 'utf8')).trim();
	if (!UUID.test(instance)) throw new Error(`${path} holds no id: restore or delete it`);
	return instance;
};
