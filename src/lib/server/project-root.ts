import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * The folder of the app: where its `package.json` and `drizzle/` are. Found from this file, so
 * that it is the same from the sources, from `build/` and whatever the working directory is.
 */
export function findProjectRoot(from: string = fileURLToPath(import.meta.url)): string {
	let folder = dirname(from);
	for (;;) {
		if (isProjectRoot(folder)) return folder;
		const parent = dirname(folder);
		if (parent === folder) throw new Error(`No package.json of agent-manager above ${from}`);
		folder = parent;
	}
}

function isProjectRoot(folder: string): boolean {
	const file = join(folder, 'package.json');
	if (!existsSync(file)) return false;
	const content: unknown = JSON.parse(readFileSync(file, 'utf8'));
	return (
		typeof content === 'object' &&
		content !== null &&
		'name' in content &&
		content.name === 'agent-manager'
	);
}

export const readAppVersion = (): string => {
	const manifest = JSON.parse(readFileSync(join(findProjectRoot(), 'package.json'), 'utf8')) as {
		version: string;
	};
	return manifest.version;
};
