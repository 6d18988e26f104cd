/**
 * What the pages are served in the place of zod: the part of it that the protocol and the fold are written in.
 * It gives the same verdicts and the same data, and no words about what is wrong, for which nobody asks in a
 * browser. `adapter/light-zod-plugin.ts` puts it in, `tests/contract/light-zod.test.ts` holds both against each
 * other.
 */

/** What a reader says of a value that does not fit. */
const NO = Symbol('does not fit');

type Read = (value: unknown) => unknown;
type Shape = Record<string, LightSchema>;
type Outcome = { success: true; data: unknown } | { success: false };

const isObject = (value: unknown): value is Record<string, unknown> =>
	typeof value === 'object' && value !== null && !Array.isArray(value);

/** Texts and lists by their length, numbers by what they are. */
const size = (value: unknown): number =>
	typeof value === 'number' ? value : (value as string | unknown[]).length;

class LightSchema {
	readonly read: Read;
	/** Of an enum: its values. Of an object: its fields. */
	readonly options: readonly unknown[] = [];
	readonly shape: Shape = {};

	constructor(read: Read, known: Partial<Pick<LightSchema, 'options' | 'shape'>> = {}) {
		this.read = read;
		Object.assign(this, known);
	}

	safeParse(value: unknown): Outcome {
		const data = this.read(value);
		return data === NO ? { success: false } : { success: true, data };
	}

	parse(value: unknown): unknown {
		const data = this.read(value);
		if (data === NO) throw new TypeError('The value does not have the shape that it must have.');
		return data;
	}

	/** The same shape with one more step behind it. */
	#then(step: Read): LightSchema {
		const { options, shape } = this;
		const read: Read = (value) => {
			const data = this.read(value);
			return data === NO ? NO : step(data);
		};
		return new LightSchema(read, { options, shape });
	}

	refine(fits: (value: never) => boolean): LightSchema {
		return this.#then((data) => (fits(data as never) ? data : NO));
	}

	optional(): LightSchema {
		return new LightSchema((value) => (value === undefined ? value : this.read(value)));
	}

	nullable(): LightSchema {
		return new LightSchema((value) => (value === null ? value : this.read(value)));
	}

	default(instead: unknown): LightSchema {
		return new LightSchema((value) => (value === undefined ? instead : this.read(value)));
	}

	catch(instead: unknown): LightSchema {
		const read: Read = (value) => {
			const data = this.read(value);
			return data === NO ? instead : data;
		};
		return new LightSchema(read);
	}

	pipe(next: LightSchema): LightSchema {
		return this.#then(next.read);
	}

	brand(): this {
		return this;
	}

	min(least: number): LightSchema {
		return this.refine((value) => size(value) >= least);
	}

	max(most: number): LightSchema {
		return this.refine((value) => size(value) <= most);
	}

	length(exact: number): LightSchema {
		return this.refine((value) => size(value) === exact);
	}

	regex(pattern: RegExp): LightSchema {
		return this.refine((text: string) => pattern.test(text));
	}

	trim(): LightSchema {
		return this.#then((text) => (text as string).trim());
	}

	toLowerCase(): LightSchema {
		return this.#then((text) => (text as string).toLowerCase());
	}

	exclude(left: readonly string[]): LightSchema {
		return enumeration((this.options as string[]).filter((option) => !left.includes(option)));
	}

	extend(more: Shape): LightSchema {
		return object({ ...this.shape, ...more });
	}
}

const where = (fits: (value: unknown) => boolean): LightSchema =>
	new LightSchema((value) => (fits(value) ? value : NO));

const readObject = (shape: Shape, more: 'dropped' | 'kept' | 'refused'): LightSchema => {
	const fields = Object.entries(shape);
	const read: Read = (value) => {
		if (!isObject(value)) return NO;
		const isKnown = (key: string): boolean => Object.hasOwn(shape, key);
		if (more === 'refused' && !Object.keys(value).every(isKnown)) return NO;
		const data: Record<string, unknown> = more === 'kept' ? { ...value } : {};
		for (const [key, schema] of fields) {
			const field = schema.read(value[key]);
			if (field === NO) return NO;
			if (key in value || field !== undefined) data[key] = field;
		}
		return data;
	};
	return new LightSchema(read, { shape });
};

export const object = (shape: Shape): LightSchema => readObject(shape, 'dropped');
export const looseObject = (shape: Shape): LightSchema => readObject(shape, 'kept');
export const strictObject = (shape: Shape): LightSchema => readObject(shape, 'refused');

export const unknown = (): LightSchema => new LightSchema((value) => value);
export const string = (): LightSchema => where((value) => typeof value === 'string');
export const boolean = (): LightSchema => where((value) => typeof value === 'boolean');
export const number = (): LightSchema => where(Number.isFinite);
export const int = (): LightSchema => where(Number.isSafeInteger);
export const literal = (only: unknown): LightSchema => where((value) => value === only);

const enumeration = (options: readonly string[]): LightSchema =>
	new LightSchema((value) => (options.includes(value as string) ? value : NO), { options });
export { enumeration as enum };

export const array = (item: LightSchema): LightSchema =>
	new LightSchema((value) => {
		if (!Array.isArray(value)) return NO;
		const data = value.map(item.read);
		return data.includes(NO) ? NO : data;
	});

export const record = (keys: LightSchema, values: LightSchema): LightSchema =>
	new LightSchema((value) => {
		if (!isObject(value)) return NO;
		const data: Record<string, unknown> = {};
		for (const [key, field] of Object.entries(value)) {
			if (key === '__proto__') continue;
			const read = values.read(field);
			if (read === NO || keys.read(key) === NO) return NO;
			data[key] = read;
		}
		return data;
	});

/** The first that fits: what tells the members apart is a literal in each of them. */
export const discriminatedUnion = (_key: string, members: readonly LightSchema[]): LightSchema =>
	new LightSchema((value) => {
		for (const member of members) {
			const data = member.read(value);
			if (data !== NO) return data;
		}
		return NO;
	});

const UUID =
	/^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}|00000000-0000-0000-0000-000000000000|ffffffff-ffff-ffff-ffff-ffffffffffff)$/;
export const uuid = (): LightSchema => string().regex(UUID);

const DAY = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/;
const TIME = /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/** JavaScript takes the 30th of February for the 1st of March. */
const isDay = (text: string): boolean =>
	DAY.test(text) && new Date(`${text}T00:00:00Z`).toISOString().startsWith(text);

export const iso = {
	date: (): LightSchema => string().refine(isDay),
	datetime: (): LightSchema =>
		string().refine((text: string) => isDay(text.slice(0, 10)) && TIME.test(text.slice(11)))
};

export const coerce = {
	number: (): LightSchema => unknown().pipe(new LightSchema(Number)).pipe(number())
};
/** Of queries only, which no page reads. */
export const stringbool = (): LightSchema =>
	string().pipe(
		new LightSchema((text) => (text === 'true' ? true : text === 'false' ? false : NO))
	);

/** `import { z } from 'zod'`. */
export * as z from './light-zod.ts';
