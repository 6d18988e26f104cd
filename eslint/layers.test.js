import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Linter } from 'eslint';
import { describe, expect, it } from 'vitest';
import { EXCEPTIONS, LAYERED, LAYERS, UNLAYERED } from './layer-table.js';
import layers, { findViolation, layerOf, resolveImport } from './layers.js';

const root = fileURLToPath(new URL('..', import.meta.url));

describe('resolving', () => {
	it.each([
		['#lib/domain/result.ts', 'src/lib/server/git/exec.ts', 'src/lib/domain/result.ts'],
		['@agent-manager/protocol/ids.ts', 'src/hooks.server.ts', 'packages/protocol/src/ids.ts'],
		['../db/client.ts', 'src/lib/server/git/exec.ts', 'src/lib/server/db/client.ts'],
		['./+page.svelte', 'src/routes/repos/+page.ts', 'src/routes/repos/+page.svelte'],
		['zod', 'packages/protocol/src/ids.ts', null]
	])('%s from %s', (specifier, from, file) => {
		expect(resolveImport(specifier, from)).toBe(file);
	});
});

describe('allowed', () => {
	it.each([
		['packages/protocol/src/events.ts', 'zod'],
		['packages/runner/src/main.ts', '@agent-manager/protocol/runner-frames.ts'],
		['packages/runner/src/agent-process.ts', 'node:child_process'],
		['src/lib/domain/transcript.ts', '@agent-manager/protocol/events.ts'],
		['src/lib/server/programs/launch.ts', 'node:child_process'],
		['src/lib/server/git/mirror.ts', './exec.ts'],
		['src/lib/server/sessions/reconciler.ts', '#lib/server/git/collect.ts'],
		['src/lib/server/sessions/reconciler.ts', '#lib/server/runner/sandbox/driver.ts'],
		['src/lib/server/db/sessions.ts', 'drizzle-orm'],
		['src/lib/server/websocket/browser-connection.ts', '#lib/server/sessions/hub.ts'],
		['src/lib/server/app.ts', '#lib/server/db/client.ts'],
		['src/hooks.server.ts', '#lib/server/app.ts'],
		['src/lib/components/ui/button.svelte', 'bits-ui'],
		['src/lib/components/transcript/tool-card.svelte', '#lib/components/ui/button.svelte'],
		['src/lib/components/views/session-view.svelte', '#lib/components/transcript/tool-card.svelte'],
		['src/routes/+page.svelte', '#lib/state/app-state.svelte.ts'],
		['src/routes/api/repos/+server.ts', './$types']
	])('%s imports %s', (from, specifier) => {
		expect(findViolation(from, specifier)).toBeNull();
	});
});

describe('refused', () => {
	it.each([
		['packages/protocol/src/events.ts', 'node:crypto'],
		['packages/protocol/src/events.ts', '#lib/domain/result.ts'],
		['packages/runner/src/main.ts', '#lib/domain/result.ts'],
		['src/lib/domain/transcript.ts', 'node:fs'],
		['src/lib/domain/transcript.ts', '#lib/server/db/client.ts'],
		['src/lib/server/git/mirror.ts', '#lib/server/db/client.ts'],
		['src/lib/server/git/mirror.ts', 'node:child_process'],
		['src/lib/server/db/sessions.ts', '../git/exec.ts'],
		['src/lib/server/model/usage.ts', '#lib/server/github/credentials.ts'],
		['src/lib/server/sessions/reconciler.ts', 'drizzle-orm'],
		['src/lib/server/sessions/reconciler.ts', '#lib/server/db/schema.ts'],
		['src/lib/server/sessions/reconciler.ts', 'dockerode'],
		['src/lib/server/sessions/reconciler.ts', '#lib/server/app.ts'],
		['src/lib/server/websocket/browser-connection.ts', '#lib/server/db/client.ts'],
		['src/routes/api/repos/+server.ts', '#lib/server/git/mirror.ts'],
		['src/routes/+page.svelte', '#lib/server/app.ts'],
		['src/lib/state/connection.svelte.ts', '#lib/server/logger.ts'],
		['src/lib/state/connection.svelte.ts', 'node:fs'],
		['src/lib/components/ui/button.svelte', '#lib/state/app-state.svelte.ts'],
		['src/lib/components/transcript/tool-card.svelte', '#lib/components/views/session-view.svelte'],
		['src/lib/server/stray.ts', '#lib/domain/result.ts']
	])('%s does not import %s', (from, specifier) => {
		expect(findViolation(from, specifier)).toBeTypeOf('string');
	});
});

describe('as a rule', () => {
	const lint = (/** @type {string} */ code, /** @type {string} */ file) =>
		new Linter({ cwd: root }).verify(
			code,
			[
				{
					files: ['**/*.ts'],
					plugins: { layers },
					rules: { 'layers/imports': 'error' }
				}
			],
			join(root, file)
		);

	it.each([
		`import { a } from '#lib/server/db/client.ts';`,
		`export { a } from '#lib/server/db/client.ts';`,
		`export * from '#lib/server/db/client.ts';`,
		`const a = import('#lib/server/db/client.ts');`
	])('%s', (code) => {
		expect(lint(code, 'src/lib/domain/transcript.ts').map(({ ruleId }) => ruleId)).toEqual([
			'layers/imports'
		]);
		expect(lint(code, 'src/lib/domain/transcript.test.ts')).toEqual([]);
	});
});

describe('the table', () => {
	const names = new Set(LAYERS.map(({ name }) => name));

	it('names only layers that exist', () => {
		for (const layer of LAYERS) {
			expect(layer.mayImport.filter((name) => !names.has(name))).toEqual([]);
		}
	});

	it('has no cycle but the one between the app and what answers requests', () => {
		const reach = (/** @type {string} */ start) => {
			const seen = new Set();
			const queue = [start];
			while (queue.length > 0) {
				const name = queue.pop();
				for (const next of LAYERS.find((layer) => layer.name === name)?.mayImport ?? []) {
					if (!seen.has(next)) queue.push(next);
					seen.add(next);
				}
			}
			return seen;
		};
		const cyclic = LAYERS.map(({ name }) => name).filter((name) => reach(name).has(name));
		expect(cyclic).toEqual(['app', 'api']);
	});

	it('has a layer for every file, and no exception for a file that is gone', () => {
		const files = ['src', 'packages/protocol/src', 'packages/runner/src', 'adapter']
			.filter((folder) => existsSync(join(root, folder)))
			.flatMap((folder) =>
				readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map(
					(file) => `${folder}/${file.replaceAll('\\', '/')}`
				)
			)
			.filter((file) => /\.(ts|svelte)$/.test(file) && LAYERED.test(file) && !UNLAYERED.test(file));
		expect(files.filter((file) => !layerOf(file))).toEqual([]);
		expect(
			EXCEPTIONS.filter(({ from, to }) => !files.includes(from) || !files.includes(to))
		).toEqual([]);
	});
});
