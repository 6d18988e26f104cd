/** What the documents list is what there is: settings, scripts, payloads, events, errors, paths. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
	ackPayloadSchema,
	clientPayloadSchema,
	eventPayloadSchema,
	snapshotPayloadSchema
} from '@agent-manager/protocol/browser-frames.ts';
import { managerEventSchemas, runnerEventSchemas } from '@agent-manager/protocol/events.ts';
import {
	managerToRunnerSchema,
	runnerToManagerSchema
} from '@agent-manager/protocol/runner-frames.ts';
import { ERROR_TABLE } from '#lib/domain/errors.ts';
import { OPERATIONS } from '#lib/server/api/openapi.ts';
import { SETTING_NAMES, SETTINGS } from '#lib/server/config-table.ts';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const readme = read('README.md');
const protocol = read('docs/protocol.md');

/** Cells of every table row whose first cell is code, the marks of code taken off. */
const rowsOf = (text: string): string[][] =>
	[...text.matchAll(/^\| `.*\|$/gm)].map(([line]) =>
		line
			.slice(1, -1)
			.split('|')
			.map((cell) => cell.trim().replace(/^`([^`]*)`$/, '$1'))
	);

it('has no link that leads nowhere', () => {
	const inDocs = (readdirSync(join(ROOT, 'docs'), { recursive: true }) as string[])
		.filter((name) => name.endsWith('.md'))
		.map((name) => join('docs', name));
	for (const file of ['README.md', 'CONTEXT.md', 'CONTRIBUTING.md', ...inDocs]) {
		for (const [, target = ''] of read(file).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)) {
			if (/^https?:/.test(target)) continue;
			expect(existsSync(join(ROOT, dirname(file), target)), `${target} in ${file}`).toBe(true);
		}
	}
});

describe('README.md', () => {
	it('lists every setting with its variable, key and default', () => {
		const rows = rowsOf(readme);
		for (const name of SETTING_NAMES) {
			const setting = SETTINGS[name];
			const row = rows.find(([variable]) => variable === setting.env);
			expect(row?.[1], `${setting.env} in README.md`).toBe(name);
			const value: unknown = setting.defaultValue({ homeDirectory: '~' });
			if (typeof value === 'string' || typeof value === 'number') {
				expect(row?.[2], `default of ${setting.env}`).toBe(String(value));
			}
		}
	});

	it('names only scripts that exist, and all of them', () => {
		const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
		const named = new Set(
			[...readme.matchAll(/\bnpm (?:run )?([a-z0-9]+(?::[a-z0-9]+)*)/g)].flatMap(([, name]) =>
				name === undefined || name === 'packages' ? [] : [name]
			)
		);
		expect([...named].sort()).toEqual(Object.keys(scripts).sort());
	});
});

describe('docs/protocol.md', () => {
	const types = (options: readonly { shape: { type: { value: string } } }[]): string[] =>
		options.map(({ shape }) => shape.type.value);

	it('shows a payload of every type that a client may send, each as the schema takes it', () => {
		const shown = [...protocol.matchAll(/^\{ "type": "[^"]+"[^{}]*\}$/gm)].map(
			([text]) => clientPayloadSchema.parse(JSON.parse(text)).type
		);
		expect([...new Set(shown)].sort()).toEqual(types(clientPayloadSchema.options).sort());
	});

	it('names every payload that the app sends', () => {
		const sent = [...types(eventPayloadSchema.options), ...types(snapshotPayloadSchema.options)];
		for (const type of sent) expect(protocol).toContain(`{ type: "${type}"`);
		for (const field of Object.keys(ackPayloadSchema.shape)) expect(protocol).toContain(field);
	});

	it('has a row for each event and its fields', () => {
		const rows = new Map(rowsOf(protocol).map(([type, about]) => [type, about ?? '']));
		for (const [type, { shape }] of Object.entries({
			...managerEventSchemas,
			...runnerEventSchemas
		})) {
			const about = rows.get(type);
			expect(about, `${type} in docs/protocol.md`).toBeDefined();
			for (const field of Object.keys(shape)) expect(about, type).toMatch(`${field}`);
		}
	});

	it('has every error with its status', () => {
		const rows = new Map(rowsOf(protocol).map(([code, status]) => [code, status]));
		for (const [code, { httpStatus }] of Object.entries(ERROR_TABLE)) {
			expect(rows.get(code), code).toBe(String(httpStatus));
		}
	});

	it('has every path with its methods', () => {
		const listed = [...protocol.matchAll(/^\| `([A-Z]+) (\/api\/\S+)`/gm)].map(
			([, method, path]) => `${method} ${path}`
		);
		const served = Object.entries(OPERATIONS).flatMap(([path, methods]) =>
			Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`)
		);
		expect(listed.sort()).toEqual(served.sort());
	});

	it('names every frame between runner and manager', () => {
		const options = [...runnerToManagerSchema.options, ...managerToRunnerSchema.options];
		for (const { shape } of options) {
			expect(protocol).toMatch(new RegExp(`── ${shape.kind.value} `));
		}
	});
});
