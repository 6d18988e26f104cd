/**
 * Each build is a folder of its own, `versions/<name>`, and `index.js` beside them starts the newest. So
 * an app that runs goes on with all of its files while the next one is built, and a page that was
 * loaded from it finds its scripts also after the restart.
 */
import {
	cpSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	writeFileSync
} from 'node:fs';
import { dirname, join } from 'node:path';

const FOLDER = 'versions';
/** An app that was started this many builds ago may still run. */
const KEPT = 3;
/** Names of these hold a hash of what is in them. */
const ASSETS = join('client', '_app', 'immutable');
/** Which of them a build made itself. */
const OWN_ASSETS = 'own-assets.json';

/** @param {string} out @param {string} version */
export const versionFolder = (out, version) => join(out, FOLDER, version);

/** Of the version that `node <out>` starts; throws when nothing was built. @param {string} out */
export const currentVersionFolder = (out) => {
	const entry = readFileSync(join(out, 'index.js'), 'utf8');
	const path = /'(.+)\/index\.js'/.exec(entry)?.[1];
	if (path === undefined) throw new Error(`${out}/index.js names no version`);
	return join(out, path);
};

/** Oldest first: names are times. @param {string} out */
const versionsIn = (out) => {
	const folder = join(out, FOLDER);
	return existsSync(folder) ? readdirSync(folder).sort() : [];
};

/** @param {string} folder @returns {string[]} */
const filesIn = (folder) =>
	readdirSync(folder, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile())
		.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));

/** Lets the version serve what pages of the one before it may still ask for. @param {string} out @param {string} version */
const addOlderAssets = (out, version) => {
	const folder = versionFolder(out, version);
	writeFileSync(join(folder, OWN_ASSETS), JSON.stringify(filesIn(join(folder, ASSETS))));
	const before = versionsIn(out)
		.filter((name) => name !== version && existsSync(join(versionFolder(out, name), OWN_ASSETS)))
		.at(-1);
	if (before === undefined) return;
	const older = versionFolder(out, before);
	/** @type {string[]} */
	const names = JSON.parse(readFileSync(join(older, OWN_ASSETS), 'utf8'));
	for (const name of names) {
		const to = join(folder, ASSETS, name);
		if (existsSync(to)) continue;
		mkdirSync(dirname(to), { recursive: true });
		cpSync(join(older, ASSETS, name), to);
	}
};

/**
 * Makes a version that is whole the one that `node <out>` starts, and removes those that are too old.
 * @param {string} out
 * @param {string} version
 */
export const publishVersion = (out, version) => {
	addOlderAssets(out, version);
	const entry = join(out, 'index.js');
	writeFileSync(`${entry}.new`, `import './${FOLDER}/${version}/index.js';\n`);
	renameSync(`${entry}.new`, entry);
	for (const name of versionsIn(out).slice(0, -KEPT)) {
		rmSync(versionFolder(out, name), { recursive: true, force: true });
	}
};
