/** The doors that are in session folders, for the inventory. A sandbox can write around them. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { EntryFact, Listing, SocketFact } from '#lib/domain/inventory-facts.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { sessionPaths } from './session-paths.ts';

/** Sockets of the folders that were listed; no link is followed. */
export const listDoorSockets = async (
	workspaceRoot: string,
	folders: Listing<EntryFact>
): Promise<Listing<SocketFact>> => {
	if (!folders.ok) return folders;
	const found = await Promise.all(
		folders.items.map(async ({ name }): Promise<SocketFact | null> => {
			const { doorDirectory } = sessionPaths(workspaceRoot, name as SessionId);
			const isFolder = (await lstat(doorDirectory).catch(() => null))?.isDirectory() ?? false;
			const status = isFolder && (await lstat(join(doorDirectory, 'door.sock')).catch(() => null));
			return status && status.isSocket() ? { session: name, sinceMs: status.mtimeMs } : null;
		})
	);
	return { ok: true, items: found.filter((socket) => socket !== null) };
};
