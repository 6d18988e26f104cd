import * as z from 'zod';
import { seqSchema } from './ids.ts';
import { timestampSchema } from './json.ts';

/** `POST /api/sessions/{id}/rewind`: back to before a prompt. */
export const rewindSchema = z.strictObject({
	/** The event with which the prompt's turn began. */
	atSeq: seqSchema,
	/** `restore`: as they were before it. */
	files: z.enum(['keep', 'restore'])
});
export type Rewind = z.infer<typeof rewindSchema>;

/** Query of `GET /api/sessions/{id}/rewind`. */
export const rewindQuerySchema = z.strictObject({ atSeq: z.coerce.number().pipe(seqSchema) });

/** Answer of `GET /api/sessions/{id}/rewind`: what a rewind to before that prompt would do. */
export const rewindPlanSchema = z.object({
	/** So many turns are set aside. */
	turns: z.int(),
	/** When the files were kept that would be put back; null: they were not kept then. */
	keptAt: timestampSchema.nullable()
});
export type RewindPlan = z.infer<typeof rewindPlanSchema>;

/** A part of the log that the agent knows nothing of any more: events from `from` on and before `to`. */
export const setAsideSchema = z.object({ from: seqSchema, to: seqSchema });
export type SetAside = z.infer<typeof setAsideSchema>;

/** A rewind that can be undone. */
export const rewoundSchema = z.object({
	/** The command that had asked for it. */
	commandId: z.string(),
	/** Where the turn of the prompt had begun. */
	atSeq: seqSchema,
	/** How many files were put back; null: they were left as they are. */
	filesChanged: z.int().nullable()
});
export type Rewound = z.infer<typeof rewoundSchema>;

/** Files of another session's turn that a fork began with, beside its commits. */
export const carriedFilesSchema = z.object({
	/** The commit that keeps them in the fork's worktree; null: they could not be taken along. */
	checkpoint: z.string().nullable(),
	/** So many are others than those of the commit that it began at. */
	filesChanged: z.int(),
	/** Why they could not be. */
	problem: z.string().nullable()
});
export type CarriedFiles = z.infer<typeof carriedFilesSchema>;
