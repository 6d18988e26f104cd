/**
 * How far each session was looked at in this browser: its log's head at the last look. Kept in
 * localStorage, shared by tabs. Losing it costs nothing but unread marks.
 */
import { SvelteMap } from 'svelte/reactivity';
import type { Session } from '@agent-manager/protocol/session.ts';

const KEY = 'seen';
const MAX_ENTRIES = 1000;

const read = (): [string, number][] => {
	try {
		const value: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
		if (!Array.isArray(value)) return [];
		return value.filter(
			(entry): entry is [string, number] =>
				Array.isArray(entry) && typeof entry[0] === 'string' && typeof entry[1] === 'number'
		);
	} catch {
		return [];
	}
};

export class Seen {
	readonly #heads = new SvelteMap<string, number>(read());

	/** Another tab looked at something. */
	reload(): void {
		for (const [id, head] of read()) {
			if ((this.#heads.get(id) ?? 0) < head) this.#heads.set(id, head);
		}
	}

	isUnread(session: Pick<Session, 'id' | 'head'>): boolean {
		return session.head > (this.#heads.get(session.id) ?? 0);
	}

	mark(session: Pick<Session, 'id' | 'head'>): void {
		if (!this.isUnread(session)) return;
		this.#heads.delete(session.id);
		this.#heads.set(session.id, session.head);
		try {
			localStorage.setItem(KEY, JSON.stringify([...this.#heads].slice(-MAX_ENTRIES)));
		} catch {
			// A full or forbidden storage costs the unread marks of the next visit, nothing else.
		}
	}
}
