/**
 * A runner of yesterday talks to a manager of today. So a schema may only change together with
 * PROTOCOL_VERSION. After a bump, `UPDATE_PROTOCOL=1 npx vitest run packages/protocol` writes down
 * how the schemas look now.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ENVELOPE_VERSION, OLDEST_RUNNER_VERSION, PROTOCOL_VERSION } from './protocol-version.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));
const storedPath = `${folder}protocol-version.json`;

const storedSchema = z.object({
	version: z.int(),
	/** By the name of what is exported: a hash of its JSON schema, as it is sent and as it is read. */
	schemas: z.record(z.string(), z.string())
});

const hashOf = (schema: z.ZodType): string => {
	const read = z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' });
	const sent = z.toJSONSchema(schema, { unrepresentable: 'any', io: 'output' });
	return createHash('sha256')
		.update(JSON.stringify([read, sent]))
		.digest('hex')
		.slice(0, 16);
};

/** Every schema that a module exports, those in a table of schemas by the table's name and theirs. */
const currentSchemas = async (): Promise<Record<string, string>> => {
	const hashes: Record<string, string> = {};
	const add = (name: string, value: unknown): void => {
		if (value instanceof z.ZodType) hashes[name] = hashOf(value);
		else if (value !== null && typeof value === 'object') {
			for (const [key, field] of Object.entries(value)) add(`${name}.${key}`, field);
		}
	};
	const names = readdirSync(folder).flatMap((file) => /^([a-z-]+)\.ts$/.exec(file)?.[1] ?? []);
	for (const name of names.sort()) {
		const module = (await import(`./${name}.ts`)) as Record<string, unknown>;
		for (const [exported, value] of Object.entries(module)) add(exported, value);
	}
	return hashes;
};

describe('protocol version', () => {
	it('was bumped with every change of a schema', async () => {
		const schemas = await currentSchemas();
		if (process.env.UPDATE_PROTOCOL) {
			const stored = { version: PROTOCOL_VERSION, schemas };
			writeFileSync(storedPath, `${JSON.stringify(stored, null, '\t')}\n`);
		}
		const stored = storedSchema.parse(JSON.parse(readFileSync(storedPath, 'utf8')));
		const names = new Set([...Object.keys(schemas), ...Object.keys(stored.schemas)]);
		const changed = [...names].filter((name) => schemas[name] !== stored.schemas[name]);
		expect(
			{ changed, version: PROTOCOL_VERSION },
			'Bump PROTOCOL_VERSION, say there what changed, then run with UPDATE_PROTOCOL=1'
		).toEqual({ changed: [], version: stored.version });
	});

	it('notices a change, however small', () => {
		const schema = z.object({ n: z.int().min(1), at: z.string().optional() });
		const others = [
			z.object({ n: z.int().min(0), at: z.string().optional() }),
			z.object({ n: z.int().min(1), at: z.string() }),
			z.object({ n: z.int().min(1) }),
			z.looseObject({ n: z.int().min(1), at: z.string().optional() })
		];
		expect(new Set([schema, ...others].map(hashOf)).size).toBe(5);
	});

	it('still knows which runners it talks to', () => {
		expect(OLDEST_RUNNER_VERSION).toBeGreaterThanOrEqual(1);
		expect(OLDEST_RUNNER_VERSION).toBeLessThanOrEqual(PROTOCOL_VERSION);
	});
});

it('keeps the envelope of /ws that programs were written for', () => {
	expect(ENVELOPE_VERSION).toBe(1);
});
