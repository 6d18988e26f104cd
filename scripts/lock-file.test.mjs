import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** @typedef {{ resolved?: string, link?: boolean, optionalDependencies?: Record<string, string> }} Entry */

/** @type {Record<string, Entry>} */
const packages = JSON.parse(
	readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')
).packages;

it('names no registry: everyone installs from their own', () => {
	const urls = Object.values(packages).filter((entry) => entry.resolved?.includes('://'));
	expect(urls).toEqual([]);
});

/**
 * npm leaves out what its registry did not have when the lock file was made, and then never installs
 * it elsewhere: the build would lack its native parts on another system.
 */
it('has an entry for every optional package, whatever the system', () => {
	const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
		Object.keys(optionalDependencies).filter(
			(name) => !packages[`node_modules/${name}`] && !packages[`${path}/node_modules/${name}`]
		)
	);
	expect(missing).toEqual([]);
});
