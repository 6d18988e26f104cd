/**
 * Comments on a session's changes, kept in this browser until they are sent to the agent as one message.
 */
import { z } from 'zod';
import type { LineRange } from './diff-lines.ts';
import { newId } from './new-id.ts';
import { commentSchema, reviewMessage, type ReviewComment } from './review-message.ts';

const MAX_COMMENTS = 200;
const MAX_QUOTED_LINES = 60;

const keyOf = (sessionId: string): string => `review:${sessionId}`;

const read = (sessionId: string): ReviewComment[] => {
	try {
		const stored: unknown = JSON.parse(localStorage.getItem(keyOf(sessionId)) ?? '[]');
		const parsed = z.array(commentSchema).max(MAX_COMMENTS).safeParse(stored);
		return parsed.success ? parsed.data : [];
	} catch {
		return [];
	}
};

export class ReviewComments {
	comments = $state.raw<ReviewComment[]>([]);
	readonly #sessionId: string;

	constructor(sessionId: string) {
		this.#sessionId = sessionId;
		this.comments = read(sessionId);
	}

	add(path: string, lines: LineRange | null, quote: readonly string[], text: string): void {
		const comment = { id: newId(), path, lines, quote: quote.slice(0, MAX_QUOTED_LINES), text };
		this.#keep([...this.comments, comment].slice(-MAX_COMMENTS));
	}

	remove(id: string): void {
		this.#keep(this.comments.filter((comment) => comment.id !== id));
	}

	/** The message; from now on they are the agent's. */
	take(): string {
		const message = reviewMessage(this.comments);
		this.#keep([]);
		return message;
	}

	#keep(comments: ReviewComment[]): void {
		this.comments = comments;
		try {
			if (comments.length === 0) localStorage.removeItem(keyOf(this.#sessionId));
			else localStorage.setItem(keyOf(this.#sessionId), JSON.stringify(comments));
		} catch {
			// A full or forbidden store costs only that they do not survive a reload.
		}
	}
}
