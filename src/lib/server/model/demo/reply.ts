/** What the demo model says next: blocks, how fast, how it ends, and what breaks on the way. */

/** Pieces of a text as they are streamed. `epochMs` gives the time of sending, with a fraction. */
export type Chunks = (epochMs: () => number) => Iterable<string>;

export type ReplyBlock =
	| { kind: 'text'; chunks: Chunks }
	/** Only by directive: its signature is none, so a real model would refuse to go on with it. */
	| { kind: 'thinking'; chunks: Chunks }
	| { kind: 'tool'; name: string; input: Record<string, unknown> };

export interface Pacing {
	/** Before the first chunk. */
	firstMs: number;
	/** Between chunks; 0 is flat out. */
	intervalMs: number;
}

/** `times`: how often in a row the same request meets it; 0 is always. */
export type Fault =
	| {
			kind: 'status';
			status: number;
			errorType: string;
			message: string;
			headers: Record<string, string>;
			times: number;
	  }
	| { kind: 'hang' | 'cut' | 'malformed' | 'sse-error'; afterChunks: number; times: number };

export interface Reply {
	blocks: ReplyBlock[];
	pacing: Pacing;
	/** Unset: `tool_use` if a tool is called, else `end_turn`. */
	stopReason?: string;
	fault?: Fault;
}

/** About 110 tokens a second: three tokens each 27 ms. */
export const SPOKEN: Pacing = { firstMs: 180, intervalMs: 27 };
export const AT_ONCE: Pacing = { firstMs: 0, intervalMs: 0 };

const SPOKEN_CHUNK = 12;

/** Cuts a text into pieces of about `size` characters, after a space where there is one near. */
export function* pieces(text: string, size = SPOKEN_CHUNK): Generator<string> {
	let start = 0;
	while (start < text.length) {
		const space = text.indexOf(' ', start + size);
		let end = space >= 0 && space < start + size * 2 ? space + 1 : start + size;
		const code = text.charCodeAt(end - 1);
		if (code >= 0xd800 && code < 0xdc00) end += 1;
		yield text.slice(start, end);
		start = end;
	}
}

export const say = (text: string, size?: number): ReplyBlock => ({
	kind: 'text',
	chunks: () => pieces(text, size)
});

export const call = (name: string, input: Record<string, unknown>): ReplyBlock => ({
	kind: 'tool',
	name,
	input
});

export const bash = (command: string, description: string): ReplyBlock =>
	call('Bash', { command, description });

export const reply = (blocks: ReplyBlock[], pacing: Pacing = SPOKEN): Reply => ({ blocks, pacing });
