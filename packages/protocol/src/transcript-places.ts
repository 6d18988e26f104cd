import * as z from 'zod';
import { seqSchema } from './ids.ts';
import { timestampSchema } from './json.ts';

/** Longer than anyone types, short enough to be looked for in every event. */
const SEARCH_MAX_LENGTH = 200;

/** Query of `GET /api/sessions/{id}/search`. It goes from the newest event back. */
export const searchQuerySchema = z.strictObject({
	q: z
		.string()
		.max(SEARCH_MAX_LENGTH)
		.refine((text) => text.trim().length > 0, 'must not be empty'),
	/** Go on with the events before this one: the `searchedTo` of the answer before. */
	before: z.coerce.number().pipe(seqSchema).optional(),
	limit: z.coerce.number().pipe(z.int().min(1).max(500)).default(100)
});
export type SearchQuery = z.infer<typeof searchQuerySchema>;

export const searchHitSchema = z.object({
	/** Where a transcript shows it; of a message that waited, where its turn begins. */
	seq: seqSchema,
	ts: timestampSchema,
	/** Who or what said it. */
	kind: z.enum(['prompt', 'text', 'thinking', 'call', 'result', 'notice']),
	/** One line around the hit, and where in it the hit is, in UTF-16 code units. */
	excerpt: z.string(),
	from: z.int(),
	to: z.int()
});
export type SearchHit = z.infer<typeof searchHitSchema>;

export const searchAnswerSchema = z.object({
	/** Newest first, at most one an event. */
	hits: z.array(searchHitSchema),
	/** Events from this one on were looked at. 1: all of them. */
	searchedTo: seqSchema,
	head: seqSchema
});
export type SearchAnswer = z.infer<typeof searchAnswerSchema>;

/** What one jumps to in a long transcript. */
export const landmarkSchema = z.object({
	seq: seqSchema,
	kind: z.enum(['prompt', 'error']),
	/** The beginning of the prompt, in one line; empty for an error. */
	text: z.string()
});
export type Landmark = z.infer<typeof landmarkSchema>;

/** Answer of `GET /api/sessions/{id}/landmarks`. */
export const landmarksAnswerSchema = z.object({
	/** In order of `seq`: of each kind the newest 2,000. */
	landmarks: z.array(landmarkSchema),
	head: seqSchema
});
export type LandmarksAnswer = z.infer<typeof landmarksAnswerSchema>;
