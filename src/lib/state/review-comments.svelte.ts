/**
 * Comments on a session's changes, kept in this browser until they are sent to the agent as one message; so is
 * the text of one that was begun.
 */
import { z } from 'zod';
import type { LineRange } from './diff-lines.ts';
import { newId } from './new-id.ts';
import { commentSchema, reviewMessage, type ReviewComment } from './review-message.ts';

const MAX_COMMENTS = 200;
const MAX_QUOTED_LINES = 60;

const keyOf = (sessionId: string): string => `review:${sessionId}`;
const begunKeyOf = (sessionId: string): string => `review-begun:${sessionId}`;

const readText = (key: string): string => {
	try {
		return localStorage.getItem(key) ?? '';
	} catch {
		return '';
	}
};

const read = (sessionId: string): ReviewComment[] => {
	try {
		const stored: unknown = JSON.parse(readText(keyOf(sessionId)) || '[]');
		const parsed = z.array(commentSchema).max(MAX_COMMENTS).safeParse(stored);
		return parsed.success ? parsed.data : [];
	} catch {
		return [];
	}
};

const store = (key: string, text: string): void => {
	try {
		if (text === '') localStorage.removeItem(key);
		else localStorage.setItem(key, text);
	} catch {
		// A full or forbidden store costs only that it does not survive a reload.
	}
};

export class ReviewComments {
	comments = $state.raw<ReviewComment[]>([]);
	#begun = $state('');
	readonly #sessionId: string;

	constructor(sessionId: string) {
		this.#sessionId = sessionId;
		this.comments = read(sessionId);
		this.#begun = readText(begunKeyOf(sessionId));
	}

	/** What was written of a comment that is not added yet. */
	get begun(): string {
		return this.#begun;
	}

	set begun(text: string) {
		this.#begun = text;
		store(begunKeyOf(this.#sessionId), text);
	}

	add(path: string, lines: LineRange | null, quote: readonly string[], text: string): void {
		const comment = { id: newId(), path, lines, quote: quote.slice(0, MAX_QUOTED_LINES), text };
		this.#keep([...this.comments, comment].slice(-MAX_COMMENTS));
		this.begun = '';
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
		store(keyOf(this.#sessionId), comments.length === 0 ? '' : JSON.stringify(comments));
	}
}
