/** One method of one path, as the API's description has it. */
import type { z } from 'zod';
import { commandAnswerSchema } from '@agent-manager/protocol/responses.ts';

export interface Operation {
	summary: string;
	query?: Record<string, { description: string; schema: object }>;
	body?: z.ZodType;
	status: number;
	answer: z.ZodType;
	/** The answer's media type, where it is not one JSON document. */
	mediaType?: string;
	/** Takes an idempotency key. */
	isCommand?: true;
	/** Answered without a token. */
	open?: true;
}

export type Method = 'get' | 'put' | 'post' | 'patch' | 'delete';

/** Most of what changes a session: taken, answered at once, made so by the reconciler. */
export const command = (summary: string, body?: z.ZodType): Operation => ({
	summary,
	...(body ? { body } : {}),
	status: 202,
	answer: commandAnswerSchema,
	isCommand: true
});
