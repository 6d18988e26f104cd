import type { JsonObject } from '@agent-manager/protocol/json.ts';

/** Stands where a value was nested too deeply to be written. */
export const TOO_DEEP = '[nested too deeply]';

/**
 * JSON of an object that was JSON once. A nesting that the parser took can be too deep for the
 * writer: then the fields it is in are replaced, and the rest is kept.
 */
export const stringifySafely = (value: JsonObject): string => {
	try {
		return JSON.stringify(value);
	} catch {
		const kept: JsonObject = {};
		for (const [key, field] of Object.entries(value)) {
			try {
				JSON.stringify(field);
				kept[key] = field;
			} catch {
				kept[key] = TOO_DEEP;
			}
		}
		return JSON.stringify(kept);
	}
};
