/** What was used: tokens as the model's server stated them, cost as the agents state it. */
import * as z from 'zod';

/** Query of `GET /api/usage`. */
export const usageQuerySchema = z.strictObject({
	/** So many days up to today. */
	days: z.coerce.number().pipe(z.int().min(1).max(366)).default(30),
	/** Whose midnight ends a day, such as `Europe/Berlin`. */
	timeZone: z
		.string()
		.max(64)
		.regex(/^[A-Za-z][A-Za-z0-9_+/-]*$/, 'is not the name of a time zone')
		.refine(isTimeZone, 'is not the name of a time zone')
		.default('UTC')
});
export type UsageQuery = z.infer<typeof usageQuerySchema>;

function isTimeZone(name: string): boolean {
	try {
		new Intl.DateTimeFormat('en', { timeZone: name });
		return true;
	} catch {
		return false;
	}
}

const numbers = {
	/** Answers of the model. */
	calls: z.number(),
	inputTokens: z.number(),
	outputTokens: z.number(),
	cacheReadTokens: z.number(),
	cacheWriteTokens: z.number(),
	costUsd: z.number()
};

export const usageDaySchema = z.object({ day: z.iso.date(), ...numbers });
export type UsageDay = z.infer<typeof usageDaySchema>;

/** Of a repo, a model, a session. */
export const usageSumSchema = z.object({ id: z.string(), name: z.string(), ...numbers });
export type UsageSum = z.infer<typeof usageSumSchema>;

export const usageSchema = z.object({
	/** Every day of the span, oldest first. */
	days: z.array(usageDaySchema),
	/** The dearest first, at most 100; so, too, models and sessions. */
	repos: z.array(usageSumSchema),
	models: z.array(usageSumSchema),
	sessions: z.array(usageSumSchema),
	/** Sessions that used anything. */
	sessionCount: z.int(),
	total: usageSumSchema
});
export type Usage = z.infer<typeof usageSchema>;
