import * as z from 'zod';
import { sessionEventSchema } from './events.ts';
import { seqSchema } from './ids.ts';
import { githubRepositorySchema, repoSchema } from './repo.ts';
import { sessionSchema } from './session.ts';
import { transcriptCarrySchema } from './transcript-carry.ts';

/** Bodies of the API's 2xx answers. */
export const repoListSchema = z.object({ repos: z.array(repoSchema) });
export const repoAnswerSchema = z.object({ repo: repoSchema });
export const repoDetailSchema = z.object({ repo: repoSchema, sessions: z.array(sessionSchema) });
export const githubListSchema = z.object({
	login: z.string(),
	repositories: z.array(githubRepositorySchema),
	page: z.int(),
	hasMore: z.boolean()
});
export const sessionListSchema = z.object({ sessions: z.array(sessionSchema) });
export const sessionAnswerSchema = z.object({ session: sessionSchema });
export const sessionDetailSchema = z.object({
	session: sessionSchema,
	/** The last 200, oldest first. */
	events: z.array(sessionEventSchema),
	/** What stands open before the first of them; null at the log's beginning. */
	carry: transcriptCarrySchema.nullable(),
	head: seqSchema
});
export const eventPageSchema = z.object({
	/** In order of `seq`. */
	events: z.array(sessionEventSchema),
	/** What stands open before the first of them; null at the log's beginning, and for `after`. */
	carry: transcriptCarrySchema.nullable(),
	head: seqSchema,
	/** More in the direction that was asked for. */
	hasMore: z.boolean()
});
export type EventPage = z.infer<typeof eventPageSchema>;

/** A command was taken; `commandId` is the idempotency key it is known by. */
export const commandAnswerSchema = z.object({
	commandId: z.string(),
	session: sessionSchema
});
/** Answer of `POST /api/demo`: the demo's orchestrator. */
export const demoAnswerSchema = z.object({ session: sessionSchema });
/** What removing a repo found: commits that are in the mirror only. */
export const repoRemovedSchema = z.object({
	removed: z.boolean(),
	/** `refs/saved/*` or session branches with commits no remote has; kept in a bundle file. */
	savedBranches: z.array(z.string()),
	savedTo: z.string().nullable()
});
