/**
 * A path that a socket can be reached under. The kernel takes at most 107 bytes, and a workspace may
 * lie deeper: then the socket is named through a descriptor of its folder, which stays the same folder
 * when a restarted manager binds a new socket in it.
 */
import { openSync } from 'node:fs';
import { basename, dirname } from 'node:path';

const MAX_BYTES = 107;

/** Opens the folder once for a long path and keeps it open; Linux only, as every sandbox is. */
export const reachableSocketPath = (path: string): string => {
	if (Buffer.byteLength(path) <= MAX_BYTES) return path;
	const folder = openSync(dirname(path), 'r');
	return `/proc/self/fd/${folder}/${basename(path)}`;
};
