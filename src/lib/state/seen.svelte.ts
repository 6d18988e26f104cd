/**
 * Which answers were looked at in this browser: the number of turns a session had when it was last
 * seen at rest. Not the log's head: a restart of the app or falling asleep is nothing to read. Kept
 * in localStorage, shared by tabs; losing it costs nothing but unread marks.
 */
import { SvelteMap } from 'svelte/reactivity';
import type { Session } from '@agent-manager/protocol/session.ts';

type Seeable = Pick<Session, 'id' | 'status' | 'waitingFor' | 'turns' | 'wait'>;

/** An orchestrator that waits for sessions wants nothing of a person. */
const atRest = ({ status, waitingFor, wait }: Seeable): boolean =>
	status === 'waiting' && waitingFor === 'input' && wait === null;

const KEY = 'seen-turns';
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
	readonly #turns = new SvelteMap<string, number>(read());

	/** Another tab looked at something. */
	reload(event: StorageEvent): void {
		if (event.key !== KEY) return;
		for (const [id, turns] of read()) {
			if ((this.#turns.get(id) ?? 0) < turns) this.#turns.set(id, turns);
		}
	}

	/** True when the session waits with an answer that nobody has looked at here. */
	isUnread(session: Seeable): boolean {
		return atRest(session) && session.turns > (this.#turns.get(session.id) ?? 0);
	}

	/** A person has the session in front of them. While a turn runs there is no answer yet. */
	mark(session: Seeable): void {
		if (!this.isUnread(session)) return;
		this.#turns.delete(session.id);
		this.#turns.set(session.id, session.turns);
		try {
			localStorage.setItem(KEY, JSON.stringify([...this.#turns].slice(-MAX_ENTRIES)));
		} catch {
			// A full or forbidden storage costs the unread marks of the next visit, nothing else.
		}
	}
}
