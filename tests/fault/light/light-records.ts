/**
 * What a light runner says: an agent's messages as the SDK has them, the same for the same seed, and
 * now and then one that a database can't hold as it is.
 */
import type { JsonObject } from '../../../packages/protocol/src/json.ts';
import { seeded } from '../../support/seeded.ts';

/** One record in so many is poison. */
const POISON_EVERY = 41;
const OVERSIZE_CHARS = 300_000;
const DEEP = 300;

export interface LightRecord {
	type: string;
	/** The text in the pieces that it is streamed in; none for what is not streamed. */
	pieces: string[];
	payload: JsonObject;
}

const nested = (depth: number): unknown => (depth === 0 ? 'bottom' : { in: nested(depth - 1) });

const POISON: readonly (() => JsonObject)[] = [
	() => ({ text: 'a NUL \0 in the middle' }),
	() => ({ text: 'half a pair \ud83d alone' }),
	() => ({ deep: nested(DEEP) }),
	() => ({ text: 'oversize '.repeat(OVERSIZE_CHARS / 9) }),
	() => ({ '\0key': 1, big: 1e308, tiny: 5e-324, __proto__x: null })
];

/** Names a message so that whoever sees it knows which it is: on a page, too. */
export const lightText = (number: number): string => `Light record ${number}.`;

export class LightRecords {
	readonly #random: () => number;
	readonly #chars: number;

	constructor(seed: number, chars: number) {
		this.#random = seeded(seed);
		this.#chars = chars;
	}

	/** The message with this number. */
	next(number: number): LightRecord {
		if (number % POISON_EVERY === 0) return this.#poison(number);
		const pieces = [lightText(number), ` ${this.#filler()}`];
		const message = {
			id: `msg_light_${number}`,
			type: 'message',
			role: 'assistant',
			model: 'light',
			content: [{ type: 'text', text: pieces.join('') }],
			stop_reason: null,
			usage: { input_tokens: 1, output_tokens: this.#chars }
		};
		return {
			type: 'claude.assistant',
			pieces,
			payload: { type: 'assistant', message, parent_tool_use_id: null, number }
		};
	}

	#poison(number: number): LightRecord {
		const make = POISON[Math.floor(this.#random() * POISON.length)] ?? POISON[0];
		const payload = { type: 'system', subtype: 'poison', number, ...make?.() };
		return { type: 'claude.system.poison', pieces: [], payload };
	}

	#filler(): string {
		let text = '';
		while (text.length < this.#chars) text += `${this.#random().toString(36).slice(2)} `;
		return text.slice(0, this.#chars);
	}
}
