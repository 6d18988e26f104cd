import * as z from 'zod';

/**
 * The kinds of block a delta can grow. `text` and `thinking` grow by text, `tool_input` by pieces of
 * JSON that become valid only when the block is whole.
 */
export const deltaKindSchema = z.enum(['text', 'thinking', 'tool_input']);
export type DeltaKind = z.infer<typeof deltaKindSchema>;

/**
 * A piece of a message that is still being produced. Lossy by design: never stored, and a viewer
 * whose `offset` does not fit asks for a snapshot. `offset` and the lengths are in UTF-16 code units
 * of the block's text so far.
 */
export const deltaSchema = z.object({
	messageId: z.string(),
	/** Index of the content block within its message. */
	block: z.int().min(0),
	kind: deltaKindSchema,
	offset: z.int().min(0),
	text: z.string(),
	/** The sub-agent's call that the message belongs to; null for the main conversation. */
	parentToolUseId: z.string().nullable(),
	/** For `tool_input`: which tool, known from the block's start. */
	tool: z.object({ id: z.string(), name: z.string() }).optional()
});
export type Delta = z.infer<typeof deltaSchema>;

/** All blocks so far of one message that is still being produced. */
export const partialMessageSchema = z.object({
	messageId: z.string(),
	parentToolUseId: z.string().nullable(),
	blocks: z.array(
		z.object({
			block: z.int().min(0),
			kind: deltaKindSchema,
			text: z.string(),
			tool: z.object({ id: z.string(), name: z.string() }).optional()
		})
	)
});
export type PartialMessage = z.infer<typeof partialMessageSchema>;
