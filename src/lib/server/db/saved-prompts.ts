/** Words that a person keeps to say them again. */
import { asc, count, eq } from 'drizzle-orm';
import {
	SAVED_PROMPTS_MAX,
	type SavedPrompt,
	type SavePrompt
} from '@agent-manager/protocol/saved-prompts.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { Database } from './client.ts';
import { savedPrompts } from './schema.ts';
import { storableValue } from './storable-json.ts';

const show = ({ updatedAt, ...prompt }: typeof savedPrompts.$inferSelect): SavedPrompt => ({
	...prompt,
	updatedAt: updatedAt.toISOString()
});

export class SavedPrompts {
	readonly #db: Database;
	readonly #now: () => Date;

	constructor(db: Database, now: () => Date) {
		this.#db = db;
		this.#now = now;
	}

	async list(): Promise<SavedPrompt[]> {
		const rows = await this.#db.select().from(savedPrompts).orderBy(asc(savedPrompts.name));
		return rows.map(show);
	}

	/** Makes or changes the one with this id, which the client chose: sent again, it is there once. */
	async save(id: string, prompt: SavePrompt): Promise<Result<SavedPrompt, WireError>> {
		const [found] = await this.#db.select({ count: count() }).from(savedPrompts);
		const [known] = await this.#db
			.select({ id: savedPrompts.id })
			.from(savedPrompts)
			.where(eq(savedPrompts.id, id));
		if (!known && (found?.count ?? 0) >= SAVED_PROMPTS_MAX) {
			return fail(wireError('prompts_full', `${SAVED_PROMPTS_MAX} prompts are kept already.`));
		}
		const fields = { ...storableValue(prompt), updatedAt: this.#now() };
		const [row] = await this.#db
			.insert(savedPrompts)
			.values({ id, ...fields })
			.onConflictDoUpdate({ target: savedPrompts.id, set: fields })
			.returning();
		return row ? ok(show(row)) : fail(wireError('internal', 'The prompt was not kept.'));
	}

	/** False when there was none with this id. */
	async remove(id: string): Promise<boolean> {
		const gone = await this.#db
			.delete(savedPrompts)
			.where(eq(savedPrompts.id, id))
			.returning({ id: savedPrompts.id });
		return gone.length > 0;
	}
}
