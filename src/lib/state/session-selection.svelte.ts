/** Which rows of a list are chosen, and which one the keyboard is at. */
import { SvelteSet } from 'svelte/reactivity';

export class SessionSelection {
	readonly #ids = new SvelteSet<string>();
	/** The row that the keyboard is at. */
	cursor = $state<string | null>(null);
	#anchor: string | null = null;

	has(id: string): boolean {
		return this.#ids.has(id);
	}

	get size(): number {
		return this.#ids.size;
	}

	/** Turns one row; with `range` all from the last one turned to this become as this one does. */
	toggle(id: string, rows: readonly string[], range = false): void {
		const chosen = !this.#ids.has(id);
		for (const each of range ? this.#between(id, rows) : [id]) this.#set(each, chosen);
		this.#anchor = id;
		this.cursor = id;
	}

	choose(ids: readonly string[]): void {
		for (const id of ids) this.#ids.add(id);
	}

	clear(): void {
		this.#ids.clear();
		this.#anchor = null;
	}

	/** Steps to the next or the previous row, and stays at the ends. */
	move(by: 1 | -1, rows: readonly string[]): void {
		const at = rows.indexOf(this.cursor ?? '');
		const next = at === -1 ? (by === 1 ? 0 : rows.length - 1) : at + by;
		this.cursor = rows[Math.max(0, Math.min(rows.length - 1, next))] ?? null;
	}

	#between(id: string, rows: readonly string[]): readonly string[] {
		const [from, to] = [rows.indexOf(this.#anchor ?? id), rows.indexOf(id)];
		if (from === -1 || to === -1) return [id];
		return rows.slice(Math.min(from, to), Math.max(from, to) + 1);
	}

	#set(id: string, chosen: boolean): void {
		if (chosen) this.#ids.add(id);
		else this.#ids.delete(id);
	}
}
