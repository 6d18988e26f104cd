/**
 * Makes any JSON object storable as jsonb. PostgreSQL refuses NUL, lone surrogates and deep nesting,
 * and very large values make every reader slow: such a payload is stored changed and marked, and the
 * body as it came goes to the side table. Everything else is stored as it is.
 */
import type { EventMark } from '@agent-manager/protocol/events.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';

/** Largest payload, in UTF-16 code units of its JSON, that the log's row holds. */
export const PAYLOAD_MAX_LENGTH = 262_144;
/** Deepest nesting that is stored as structure. */
export const PAYLOAD_MAX_DEPTH = 200;

export interface Storable {
	/** The payload as JSON text that jsonb accepts. */
	json: string;
	marks: EventMark[] | null;
	/** The payload as it came, as well-formed JSON text; null when `json` is exactly that. */
	body: string | null;
}

const SUSPICIOUS = /\\u0000|\\ud[89a-f][0-9a-f]{2}/;
const LONE_SURROGATE = /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g;

/** How often `bracket` is in the text, counted no further than just above the limit. */
const countUpToLimit = (json: string, bracket: '{' | '['): number => {
	let count = 0;
	let at = json.indexOf(bracket);
	while (at >= 0 && count <= PAYLOAD_MAX_DEPTH) {
		count += 1;
		at = json.indexOf(bracket, at + 1);
	}
	return count;
};

/** True when the text opens so few brackets that it can't be deep. */
const surelyShallow = (json: string): boolean =>
	countUpToLimit(json, '{') + countUpToLimit(json, '[') <= PAYLOAD_MAX_DEPTH;

/** Any depth, without recursion: `JSON.stringify` overflows the stack where this does not. */
const stringifyDeep = (root: unknown): string => {
	const out: string[] = [];
	const work: (string | { value: unknown })[] = [{ value: root }];
	while (work.length > 0) {
		const next = work.pop();
		if (next === undefined || typeof next === 'string') {
			out.push(next ?? '');
			continue;
		}
		const { value } = next;
		if (value === null || typeof value !== 'object') {
			out.push(JSON.stringify(value) ?? 'null');
			continue;
		}
		const isArray = Array.isArray(value);
		const parts: (string | { value: unknown })[] = [isArray ? '[' : '{'];
		Object.entries(value).forEach(([key, child], index) => {
			if (index > 0) parts.push(',');
			if (!isArray) parts.push(`${JSON.stringify(key)}:`);
			parts.push({ value: child });
		});
		parts.push(isArray ? ']' : '}');
		for (let i = parts.length - 1; i >= 0; i--) work.push(parts[i] as string);
	}
	return out.join('');
};

interface Cleaner {
	marks: Set<EventMark>;
}

const cleanText = (text: string, cleaner: Cleaner): string => {
	let clean = text;
	if (clean.includes('\u0000')) {
		cleaner.marks.add('nul');
		clean = clean.replaceAll('\u0000', '\u2400');
	}
	const whole = clean.replace(LONE_SURROGATE, '\uFFFD');
	if (whole !== clean) cleaner.marks.add('surrogate');
	return whole;
};

const clean = (value: unknown, depth: number, cleaner: Cleaner): unknown => {
	if (typeof value === 'string') return cleanText(value, cleaner);
	if (value === null || typeof value !== 'object') return value;
	if (depth >= PAYLOAD_MAX_DEPTH) {
		cleaner.marks.add('deep');
		return '…';
	}
	if (Array.isArray(value)) return value.map((child) => clean(child, depth + 1, cleaner));
	return Object.fromEntries(
		Object.entries(value).map(([key, child]) => [
			cleanText(key, cleaner),
			clean(child, depth + 1, cleaner)
		])
	);
};

/** Keeps the shape that readers look at and cuts long strings, so that a page can still draw it. */
const shorten = (value: unknown, limit: number): unknown => {
	if (typeof value === 'string') {
		return value.length <= limit
			? value
			: `${value.slice(0, limit)}…`.replace(LONE_SURROGATE, '\uFFFD');
	}
	if (value === null || typeof value !== 'object') return value;
	if (Array.isArray(value)) return value.slice(0, 200).map((child) => shorten(child, limit));
	return Object.fromEntries(
		Object.entries(value)
			.slice(0, 200)
			.map(([key, child]) => [key, shorten(child, limit)])
	);
};

const standIn = (payload: unknown): string => {
	for (const limit of [16_384, 2_048, 256]) {
		const json = JSON.stringify(shorten(payload, limit));
		if (json.length <= PAYLOAD_MAX_LENGTH) return json;
	}
	return '{"oversize":true}';
};

const stringifyOrNull = (payload: JsonObject): string | null => {
	try {
		return JSON.stringify(payload);
	} catch (cause) {
		if (cause instanceof RangeError) return null;
		throw cause;
	}
};

/** The same JSON value with every text of it such that PostgreSQL can hold it. */
export const storableValue = <T>(value: T): T => clean(value, 0, { marks: new Set() }) as T;

/** A sandbox's word for when it was: a moment that PostgreSQL can hold, or `now`. */
export const storableTime = (ts: string, now: Date): string => {
	const time = Date.parse(ts);
	const isUsable = time >= 0 && time < Date.UTC(9999, 11, 31);
	return (isUsable ? new Date(time) : now).toISOString();
};

/** A type is a name: what can't be stored in one is left out. */
export const storableType = (type: string): string =>
	type.replaceAll('\u0000', '').replace(LONE_SURROGATE, '') || 'unknown';

export const toStorable = (payload: JsonObject): Storable => {
	const plain = stringifyOrNull(payload);
	if (plain !== null && plain.length <= PAYLOAD_MAX_LENGTH) {
		if (!SUSPICIOUS.test(plain) && surelyShallow(plain)) {
			return { json: plain, marks: null, body: null };
		}
	}
	const cleaner: Cleaner = { marks: new Set() };
	const cleaned = clean(payload, 0, cleaner);
	let json = JSON.stringify(cleaned);
	if (json.length > PAYLOAD_MAX_LENGTH) {
		cleaner.marks.add('oversize');
		json = standIn(cleaned);
	}
	const marks = [...cleaner.marks];
	if (marks.length === 0) return { json, marks: null, body: null };
	return { json, marks, body: plain ?? stringifyDeep(payload) };
};
