/**
 * Reading JSON that nobody promises the shape of: every accessor answers with a value of its type or
 * with null, never throws, and never looks at inherited properties.
 */

export type Loose = Record<string, unknown>;

export const asObject = (value: unknown): Loose | null =>
	value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Loose) : null;

export const asArray = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

const own = (from: unknown, key: string): unknown => {
	const object = asObject(from);
	return object && Object.hasOwn(object, key) ? object[key] : undefined;
};

export const textAt = (from: unknown, key: string): string | null => {
	const value = own(from, key);
	return typeof value === 'string' ? value : null;
};

export const numberAt = (from: unknown, key: string): number | null => {
	const value = own(from, key);
	return typeof value === 'number' && Number.isFinite(value) ? value : null;
};

export const flagAt = (from: unknown, key: string): boolean => own(from, key) === true;

export const objectAt = (from: unknown, key: string): Loose | null => asObject(own(from, key));

export const arrayAt = (from: unknown, key: string): unknown[] => asArray(own(from, key));

export const textsAt = (from: unknown, key: string): string[] =>
	arrayAt(from, key).filter((item) => typeof item === 'string');
