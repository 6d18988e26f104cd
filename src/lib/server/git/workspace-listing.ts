/** What git has made in the workspace: worktrees, mirrors, what was half made. Lists, changes nothing. */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { EntryFact, Listing, MirrorFact } from '#lib/domain/inventory-facts.ts';

/** A server's groups may lie within each other; deeper than this is nothing of ours. */
const MIRROR_DEPTH_MAX = 12;

/** The names in a folder, with what they are; empty when the folder is not there. Throws otherwise. */
const entriesOf = async (folder: string): Promise<EntryFact[]> => {
	const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
		if (error.code === 'ENOENT') return [];
		throw error;
	});
	const entries = names.map(async (name): Promise<EntryFact | null> => {
		// Gone between the two looks: it is not there.
		const status = await lstat(join(folder, name)).catch(() => null);
		return status && { name, isFolder: status.isDirectory(), sinceMs: status.mtimeMs };
	});
	return (await Promise.all(entries)).filter((entry) => entry !== null);
};

/** A failure is said in words, and is no empty list. */
export const listEntries = async (
	workspaceRoot: string,
	folder: string
): Promise<Listing<EntryFact>> => {
	try {
		return { ok: true, items: await entriesOf(join(workspaceRoot, folder)) };
	} catch (error) {
		const why = (error as NodeJS.ErrnoException).code ?? String(error);
		const what = folder === '' ? 'the workspace' : `${folder}/`;
		return { ok: false, problem: `${what} could not be listed (${why}).` };
	}
};

const isMirror = async (path: string): Promise<boolean> =>
	(await lstat(join(path, 'objects')).catch(() => null))?.isDirectory() ?? false;

/** What a git that was killed leaves in a mirror, and bundles that were being received. */
const leftoversIn = async (workspaceRoot: string, mirror: string): Promise<EntryFact[]> => {
	const below = async (folder: string, is: (name: string) => boolean): Promise<EntryFact[]> => {
		const entries = await entriesOf(join(workspaceRoot, mirror, folder));
		return entries
			.filter(({ name, isFolder }) => !isFolder && is(name))
			.map((entry) => ({ ...entry, name: join(mirror, folder, entry.name) }));
	};
	const found = await Promise.all([
		below('incoming', () => true),
		below('objects/pack', (name) => name.startsWith('tmp_')),
		below('', (name) => name.endsWith('.lock'))
	]);
	return found.flat();
};

interface MirrorListings {
	mirrors: Listing<MirrorFact>;
	leftovers: Listing<EntryFact>;
}

/** Every mirror below `repos/`, and what is there and is none: `repos/?…` marks what is not ours. */
export const listMirrors = async (workspaceRoot: string): Promise<MirrorListings> => {
	const mirrors: MirrorFact[] = [];
	const leftovers: EntryFact[] = [];
	const walk = async (folder: string, depth: number): Promise<void> => {
		for (const entry of await entriesOf(join(workspaceRoot, folder))) {
			const path = `${folder}/${entry.name}`;
			if (path === 'repos/.removed') {
				const graves = await entriesOf(join(workspaceRoot, path));
				leftovers.push(...graves.map((grave) => ({ ...grave, name: `${path}/${grave.name}` })));
			} else if (!entry.isFolder || depth >= MIRROR_DEPTH_MAX) {
				leftovers.push({ ...entry, name: path.replace('repos/', 'repos/?') });
			} else if (await isMirror(join(workspaceRoot, path))) {
				mirrors.push({ path, sinceMs: entry.sinceMs });
				leftovers.push(...(await leftoversIn(workspaceRoot, path)));
			} else await walk(path, depth + 1);
		}
	};
	try {
		await walk('repos', 0);
		return { mirrors: { ok: true, items: mirrors }, leftovers: { ok: true, items: leftovers } };
	} catch (error) {
		const why = (error as NodeJS.ErrnoException).code ?? String(error);
		const failed = { ok: false as const, problem: `The mirrors could not be listed (${why}).` };
		return { mirrors: failed, leftovers: failed };
	}
};
