/**
 * Bundles the runner with the Agent SDK's JavaScript into one file that any Node from 20 runs:
 * `docker/agent-ws-client.js`. Does nothing when neither its sources nor their versions changed.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleForSandbox } from './runner-bundle.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const outfile = join(root, 'docker', 'agent-ws-client.js');
const MARK = '// sources: ';

/** @param {string} folder @returns {string[]} */
const filesUnder = (folder) =>
	readdirSync(folder, { withFileTypes: true })
		.flatMap((entry) => {
			const path = join(folder, entry.name);
			if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : filesUnder(path);
			return /\.(ts|json)$/.test(entry.name) && !entry.name.endsWith('.test.ts') ? [path] : [];
		})
		.sort();

/** What the bundle is made of: our sources, this script, and the versions of the packages in it. */
const fingerprint = () => {
	const hash = createHash('sha256');
	const packages = ['@anthropic-ai/claude-agent-sdk', 'ws', 'zod', 'esbuild'];
	const inputs = [
		...filesUnder(join(root, 'packages', 'runner', 'src')),
		...filesUnder(join(root, 'packages', 'protocol', 'src')),
		...packages.map((name) => join(root, 'node_modules', name, 'package.json')),
		fileURLToPath(import.meta.url),
		join(root, 'scripts', 'runner-bundle.mjs')
	];
	for (const path of inputs) hash.update(`${relative(root, path)}\0`).update(readFileSync(path));
	return hash.digest('hex');
};

/** @param {string} wanted */
const isCurrent = (wanted) => {
	try {
		return readFileSync(outfile, 'utf8').trimEnd().endsWith(`${MARK}${wanted}`);
	} catch {
		return false;
	}
};

const wanted = fingerprint();
if (isCurrent(wanted)) {
	console.log('runner: nothing changed');
} else {
	const text = await bundleForSandbox('packages/runner/src/main.ts');
	// In one step: a sandbox may be starting with the file that is there.
	writeFileSync(`${outfile}.new`, `${text}\n${MARK}${wanted}\n`);
	renameSync(`${outfile}.new`, outfile);
	console.log(`runner: built ${relative(root, outfile)}, ${Math.round(text.length / 1024)} KiB`);
}
