/**
 * The built app in a folder of its own, with the light runner beside the real one in the file that
 * sandboxes run, and, for the negative controls, with a few lines of the server made wrong.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { currentVersionFolder } from '../../adapter/versions.js';
import { bundleForSandbox } from '../../scripts/runner-bundle.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** A piece of the server's code that must be there once, and what stands there instead. */
export type Patch = readonly [right: string, wrong: string];

const serverFiles = (folder: string): string[] => {
	const server = join(currentVersionFolder(join(folder, 'build')), 'server');
	return readdirSync(server, { recursive: true, encoding: 'utf8' })
		.filter((name) => name.endsWith('.js'))
		.map((name) => join(server, name));
};

/** Throws when the code is not the one that the patch was made for: then the patch has to follow it. */
const applyPatch = (folder: string, [right, wrong]: Patch): void => {
	const holders = serverFiles(folder).filter((path) => readFileSync(path, 'utf8').includes(right));
	const [path, ...others] = holders;
	const text = path === undefined ? '' : readFileSync(path, 'utf8');
	if (path === undefined || others.length > 0 || text.split(right).length !== 2) {
		throw new Error(`the server must have this line exactly once: ${right}`);
	}
	writeFileSync(
		path,
		text.replace(right, () => wrong)
	);
};

let bundle: Promise<string> | null = null;

/** Makes the stage in `folder`, which must not exist. The app must be built. */
export const makeStage = async (
	folder: string,
	patches: readonly Patch[] = []
): Promise<string> => {
	bundle ??= bundleForSandbox('tests/fault/light/main.ts');
	mkdirSync(join(folder, 'docker'), { recursive: true });
	cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
	cpSync(join(ROOT, 'build'), join(folder, 'build'), { recursive: true });
	for (const name of ['node_modules', 'packages', 'drizzle']) {
		symlinkSync(join(ROOT, name), join(folder, name));
	}
	writeFileSync(join(folder, 'docker', 'agent-ws-client.js'), await bundle);
	for (const patch of patches) applyPatch(folder, patch);
	return folder;
};
