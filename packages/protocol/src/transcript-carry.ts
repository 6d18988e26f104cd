import * as z from 'zod';
import { attachmentSchema } from './attachments.ts';
import { seqSchema } from './ids.ts';
import { timestampSchema } from './json.ts';

const resultSchema = z.object({
	durationMs: z.number().nullable(),
	costUsd: z.number().nullable(),
	inputTokens: z.number().nullable(),
	outputTokens: z.number().nullable(),
	failed: z.boolean(),
	interrupted: z.boolean()
});

/**
 * What stands open where a page of events begins, so that the page folds to what the whole log does
 * from there on: the open turn with its totals so far, what was spent, what waits to be begun with.
 */
export const transcriptCarrySchema = z.object({
	turn: z
		.object({
			startedAt: timestampSchema,
			/** What the agent said of the turn's end, if that came before the page. */
			result: resultSchema.nullable(),
			failureShown: z.boolean(),
			/** Paths of the files that were changed. */
			files: z.array(z.string()),
			linesAdded: z.int(),
			linesRemoved: z.int()
		})
		.nullable(),
	/** The agent's cumulative cost as last told; null when unknown. */
	totalCostUsd: z.number().nullable(),
	demo: z.boolean(),
	interruptAsked: z.boolean(),
	/** Messages that the agent has not begun with, oldest first. */
	queued: z.array(
		z.object({
			seq: seqSchema,
			ts: timestampSchema,
			commandId: z.string(),
			text: z.string(),
			from: z.enum(['person', 'orchestrator', 'manager']),
			fromSession: z.string().optional(),
			steer: z.boolean().optional(),
			attachments: z.array(attachmentSchema).optional()
		})
	),
	/** The open turn's list of things to do. */
	todos: z.array(
		z.object({
			id: z.string(),
			text: z.string(),
			activeText: z.string().nullable(),
			status: z.enum(['pending', 'in_progress', 'completed'])
		})
	)
});
export type TranscriptCarry = z.infer<typeof transcriptCarrySchema>;
