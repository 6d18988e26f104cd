import * as z from 'zod';

/** What goes along with a message. The bytes are kept apart: events and commands only name them. */
export const attachmentSchema = z.object({
	id: z.uuid(),
	kind: z.enum(['image', 'text']),
	/** Of the file, as a line that is safe to show. */
	name: z.string(),
	/** As the bytes say, whatever the file was called. */
	mediaType: z.string(),
	bytes: z.int(),
	/** Of an image. */
	width: z.int().optional(),
	height: z.int().optional(),
	/** Of a text. */
	lines: z.int().optional()
});
export type Attachment = z.infer<typeof attachmentSchema>;

/** What is taken. Larger images the model refuses; larger texts fill its context. */
export const ATTACHMENT_LIMITS = {
	perMessage: 10,
	perSession: 500,
	imageBytes: 3_932_160,
	/** Of each side. */
	imagePixels: 8_000,
	textBytes: 262_144
} as const;

/** Query of `PUT /api/sessions/{id}/attachments/{attachmentId}`; the body is the file. */
export const attachmentQuerySchema = z.strictObject({ name: z.string().max(1_000).default('') });

export const attachmentAnswerSchema = z.object({ attachment: attachmentSchema });
