/**
 * A scenario is a generator: it yields what the model says, gets back what the tools answered, and
 * returns its last words. Nothing is kept between requests: each request plays the script again
 * from the turn's first step up to now, so a demo conversation survives every restart.
 */
import type { Conversation, ToolOutcome, Turn } from './conversation.ts';
import { reply, say, type Reply } from './reply.ts';

export type Script = Generator<Reply, Reply, ToolOutcome[]>;

export interface Scene {
	conversation: Conversation;
	turn: Turn;
	/** Turns before this one. */
	earlier: Turn[];
}

/** Where the script is after the turn's steps so far. */
export function replay(script: Script, steps: ToolOutcome[][]): Reply {
	let next = script.next();
	for (const step of steps) {
		if (next.done) return reply([say('Nothing more to do here.')]);
		next = script.next(step);
	}
	return next.value;
}
