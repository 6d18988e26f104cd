/** `compose.yaml` says what the documents say, and what the Dockerfile needs is let into its build. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SETTINGS } from '#lib/server/config-table.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const compose = read('compose.yaml');
const operations = read('docs/operations.md');

/** The lines of one service. */
const service = (name: string): string =>
	new RegExp(`^  ${name}:\\n((?:    .*\\n|\\n)*)`, 'm').exec(compose)?.[1] ?? '';

describe('compose.yaml', () => {
	it('passes every setting on to the app, but those that it makes itself', () => {
		// Without sign-in the app listens on loopback only, which nobody outside of its container reaches.
		const left = new Set(['AUTH']);
		for (const { env } of Object.values(SETTINGS)) {
			if (!left.has(env)) expect(service('app'), env).toMatch(new RegExp(`^      ${env}:`, 'm'));
		}
	});

	it('gives the engine’s socket to its proxy alone, and the app’s port to this machine alone', () => {
		const withSocket = ['prepare', 'engine', 'agent-image', 'database', 'app'].filter((name) =>
			/source: \$\{DOCKER_SOCKET/.test(service(name))
		);
		expect(withSocket).toEqual(['engine']);
		const ports = [...compose.matchAll(/^ +- (\S+:\S+:\S+)$/gm)].map(([, port]) => port);
		expect(ports).toHaveLength(2);
		for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
	});

	it('has each of its variables in a row of docs/operations.md, with its default', () => {
		const own = [...compose.matchAll(/\$\{([A-Z_]+):-((?:\$\{HOME\})?[^}]*)\}/g)];
		expect(own.length).toBeGreaterThan(8);
		for (const [, name = '', value = ''] of own) {
			const row = new RegExp(`^\\| \`${name}\` \\| \`([^\`]*)\``, 'm').exec(operations)?.[1];
			expect(row, name).toBe(value.replace('${HOME}', '~'));
		}
	});
});

describe('Dockerfile', () => {
	const dockerfile = read('Dockerfile');

	it('needs no BuildKit', () => {
		expect(dockerfile).not.toMatch(/^# *syntax=|--mount=|--link|<</m);
	});

	const open = read('.dockerignore')
		.split('\n')
		.flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : []));

	it('copies only what .dockerignore lets in', () => {
		const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(
			([, from = '']) => from.split(' ').filter((path) => path !== '.')
		);
		expect(copied.length).toBeGreaterThan(5);
		for (const path of copied) expect(open, path).toContain(path.split('/')[0]);
		expect(read('.dockerignore')).toMatch(/^\*$/m);
		expect(open.some((path) => path.includes('.env'))).toBe(false);
	});

	it('has every file that what it builds imports', () => {
		const isSource = (path: string): boolean =>
			/\.(ts|js|mjs|svelte)$/.test(path) && !/\.test\.|node_modules/.test(path);
		const sources = ['adapter', 'packages', 'src', 'stack'].flatMap((folder) =>
			(readdirSync(join(ROOT, folder), { recursive: true }) as string[])
				.map((path) => join(folder, path))
				.filter(isSource)
		);
		expect(sources.length).toBeGreaterThan(400);
		const imported = sources.flatMap((path) =>
			[...read(path).matchAll(/\b(?:from|import\(|import)\s*'(\.[^']+)'/g)].map(([, to = '']) => ({
				path,
				folder: relative(ROOT, join(ROOT, dirname(path), to)).split('/')[0] ?? ''
			}))
		);
		expect(imported.length).toBeGreaterThan(1_000);
		expect(imported.filter(({ folder }) => !open.includes(folder))).toEqual([]);
	});
});
