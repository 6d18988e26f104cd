import * as z from 'zod';
import { promptSchema } from './requests.ts';
import { timestampSchema } from './json.ts';

/** So many are kept at most. */
export const SAVED_PROMPTS_MAX = 200;

/** `PUT /api/prompts/{id}`. */
export const savePromptSchema = z.strictObject({
	name: z
		.string()
		.trim()
		.min(1)
		.max(60)
		.regex(/^[^\p{Cc}\p{Cf}]*$/u, 'must be one plain line'),
	text: promptSchema
});
export type SavePrompt = z.infer<typeof savePromptSchema>;

/** Words that a person keeps to say them again. */
export const savedPromptSchema = z.object({
	id: z.uuid(),
	name: z.string(),
	text: z.string(),
	updatedAt: timestampSchema
});
export type SavedPrompt = z.infer<typeof savedPromptSchema>;

/** By name. */
export const savedPromptsSchema = z.object({ prompts: z.array(savedPromptSchema) });
export const savedPromptAnswerSchema = z.object({ prompt: savedPromptSchema });
