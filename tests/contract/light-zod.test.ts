/**
 * The pages read with `light-zod.ts` what the server reads with zod. Both are given the whole protocol, and for
 * each schema a value that fits it and everything that comes of that by one change: they have to agree.
 */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import * as zod from 'zod';

type Outcome = { success: boolean; data?: unknown };
interface Reader {
	safeParse: (value: unknown) => Outcome;
	options?: unknown;
}
interface Pair {
	name: string;
	real: zod.ZodType;
	light: Reader;
}
type JsonSchema = Record<string, unknown> & {
	properties?: Record<string, JsonSchema>;
	items?: JsonSchema;
	anyOf?: JsonSchema[];
	oneOf?: JsonSchema[];
	enum?: unknown[];
};

const folder = fileURLToPath(new URL('../../packages/protocol/src/', import.meta.url));
const moduleNames = readdirSync(folder).flatMap((file) => /^([a-z-]+)\.ts$/.exec(file)?.[1] ?? []);

/** What comes in the place of a value, one after the other. */
const OTHERS: readonly unknown[] = [
	...[undefined, null, true, 0, 1, -1, 1.5, 1e300, Number.NaN, Infinity],
	...['', ' ', 'x', ' X ', 'x'.repeat(5_000), '12', 'true', '2026-02-30', '2026-02-28'],
	...['2026-02-28T10:00:00.000Z', '2026-02-30T10:00:00Z', '2026-02-28T24:00:00+01:00'],
	...[
		'0B5C2B6E-8B1D-4F43-9B53-0D6C7C3E4F5A',
		'0b5c2b6e-8b1d-4f43-0b53-0d6c7c3e4f5a',
		'a'.repeat(40)
	],
	...[[], ['x'], [undefined], {}, { x: 1 }, JSON.parse('{"__proto__":{"x":1},"y":2}')]
];

const FORMATS: Record<string, string> = {
	uuid: '0b5c2b6e-8b1d-4f43-9b53-0d6c7c3e4f5a',
	'date-time': '2026-11-23T08:30:00.000Z',
	date: '2026-11-23'
};

/** A value that fits, as far as a JSON schema says what fits. */
const fitting = (schema: JsonSchema, full: boolean): unknown => {
	const members = schema.anyOf ?? schema.oneOf;
	if (members?.[0]) return fitting(members[0], full);
	if ('const' in schema) return schema.const;
	if ('default' in schema && !full) return schema.default;
	if (schema.enum) return schema.enum[0];
	switch (schema.type) {
		case 'object': {
			const required = (schema.required ?? []) as string[];
			const kept = Object.entries(schema.properties ?? {}).filter(
				([key]) => full || required.includes(key)
			);
			return Object.fromEntries(kept.map(([key, field]) => [key, fitting(field, full)]));
		}
		case 'array':
			return full && schema.items ? [fitting(schema.items, full)] : [];
		case 'string': {
			const text = FORMATS[schema.format as string] ?? 'abc';
			return typeof schema.pattern === 'string' && schema.pattern.includes('0-9a-f')
				? (FORMATS[schema.format as string] ?? 'a'.repeat(40))
				: text;
		}
		case 'integer':
		case 'number':
			return Math.max(1, (schema.minimum as number | undefined) ?? 1);
		case 'boolean':
			return false;
		default:
			return { any: 1 };
	}
};

/** What is nested has schemas of its own, mostly: there a few others are enough. */
const FEW_OTHERS: readonly unknown[] = [undefined, null, -1, 1.5, '', 'x'.repeat(5_000), {}];

/** Everything that one change makes of a value: another in its place, a key less, a key more. */
function* changed(value: unknown, depth = 0): Generator {
	yield* depth === 0 ? OTHERS : depth === 1 ? FEW_OTHERS : [undefined, 'x'];
	if (depth > 3) return;
	if (Array.isArray(value)) {
		yield [...(value as unknown[]), ...(value as unknown[])];
		for (const item of changed(value[0], depth + 1)) yield [item];
	} else if (typeof value === 'object' && value !== null) {
		yield { ...value, more: 1 };
		for (const [key, field] of Object.entries(value)) {
			const { [key]: _, ...rest } = value as Record<string, unknown>;
			yield rest;
			for (const other of changed(field, depth + 1)) yield { ...value, [key]: other };
		}
	}
}

/** Those of a union, each for itself: the sample of a union is of its first member. */
const samples = (schema: JsonSchema): unknown[] => [
	...(schema.anyOf ?? schema.oneOf ?? []).flatMap(samples),
	fitting(schema, true),
	fitting(schema, false)
];

const pairsOf = (name: string, real: unknown, light: unknown): Pair[] => {
	if (real instanceof zod.ZodType) return [{ name, real, light: light as Reader }];
	if (typeof real !== 'object' || real === null) return [];
	return Object.entries(real).flatMap(([key, field]) =>
		pairsOf(`${name}.${key}`, field, (light as Record<string, unknown>)[key])
	);
};

/** What the protocol does without, and the fold of what an agent says does not. */
const madeOf = (z: typeof zod): Record<string, unknown> => ({
	caught: z.object({ count: z.int().min(0).catch(0), notes: z.array(z.string()).catch([]) }),
	loose: z.looseObject({ type: z.string(), id: z.string().optional() })
});

describe('light zod', () => {
	const pairs: Pair[] = [];

	beforeAll(async () => {
		const load = (name: string): Promise<object> => import(`${folder}${name}.ts`);
		const real = await Promise.all(moduleNames.map(load));
		vi.resetModules();
		vi.doMock('zod', () => import('#lib/state/light-zod.ts'));
		const light = await Promise.all(moduleNames.map(load));
		const lightZod = (await import('zod')) as typeof zod;
		pairs.push(...pairsOf('made', madeOf(zod), madeOf(lightZod)));
		moduleNames.forEach((name, at) => pairs.push(...pairsOf(name, real[at], light[at])));
	});
	afterAll(() => {
		vi.doUnmock('zod');
		vi.resetModules();
	});

	it('says of every value what zod says, and gives the same data', () => {
		const differences: string[] = [];
		let taken = 0;
		let compared = 0;
		for (const { name, real, light } of pairs) {
			const json = zod.toJSONSchema(real, { unrepresentable: 'any', io: 'input' }) as JsonSchema;
			for (const sample of samples(json)) {
				for (const value of [sample, ...changed(sample)]) {
					const theirs: Outcome = real.safeParse(value);
					const ours = light.safeParse(value);
					compared += 1;
					if (theirs.success) taken += 1;
					const same = theirs.success === ours.success && isDeepStrictEqual(theirs.data, ours.data);
					if (!same) differences.push(`${name}: ${JSON.stringify(value)?.slice(0, 200)}`);
				}
			}
		}
		expect(differences.slice(0, 20)).toEqual([]);
		expect(taken).toBeGreaterThan(1_000);
		expect(compared - taken).toBeGreaterThan(1_000);
	}, 120_000);

	it('knows the values of an enum', () => {
		const enums = pairs.filter(({ real }) => real instanceof zod.ZodEnum);
		expect(enums.length).toBeGreaterThan(10);
		for (const { name, real, light } of enums) {
			expect(light.options, name).toEqual((real as zod.ZodEnum).options);
		}
	});
});
