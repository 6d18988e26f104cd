/**
 * Whether the workspace's folder is where it was when the app started: it, and no other of its name. While
 * it is not (moved away, a disk that was unmounted), what is missing in it says nothing, and whatever was
 * made at its path would be in the way of its return. So nothing is concluded and nothing is done until it is back.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';

export interface WorkspacePresence {
	/** null while it is there; else what is the matter. */
	problem(): Promise<WireError | null>;
	/** Rejects with a `WorkspaceGone` while it is not there. */
	confirm(): Promise<void>;
}

export class WorkspaceGone extends Error {
	readonly wire: WireError;

	constructor(wire: WireError) {
		super(wire.message);
		this.wire = wire;
	}
}

const identityOf = async (path: string): Promise<string | null> => {
	const found = await stat(path).catch(() => null);
	return found && `${found.dev}:${found.ino}`;
};

/** `instance`: the id that the workspace's own file holds, by which a copy of it is known, too. */
export const watchWorkspace = async (
	root: string,
	instance: string
): Promise<WorkspacePresence> => {
	let identity = await identityOf(root);

	const problem = async (): Promise<WireError | null> => {
		const now = await identityOf(root);
		if (now === null) return wireError('workspace_gone', `The workspace ${root} is gone.`);
		if (now === identity) return null;
		const held = await readFile(join(root, 'instance'), 'utf8').catch(() => '');
		if (held.trim() !== instance) {
			return wireError(
				'workspace_gone',
				`Another folder is in the place of the workspace ${root}.`,
				{
					hint: 'Move it aside and put the workspace back: the app goes on by itself. Agents go on meanwhile.'
				}
			);
		}
		identity = now;
		return null;
	};

	return {
		problem,
		confirm: async () => {
			const found = await problem();
			if (found) throw new WorkspaceGone(found);
		}
	};
};
