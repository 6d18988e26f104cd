/** Calls of the model as the door saw them: what a bill would show, also of turns that never ended. */
import type { Database } from './client.ts';
import { modelCalls } from './schema.ts';

export type NewModelCall = typeof modelCalls.$inferInsert;

export const insertModelCall = async (db: Database, call: NewModelCall): Promise<void> => {
	await db.insert(modelCalls).values(call);
};
