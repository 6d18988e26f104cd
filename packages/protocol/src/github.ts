/** A session's branch on GitHub: where it is to be seen, and its pull request. */
import * as z from 'zod';
import { wireErrorSchema } from './errors.ts';
import { timestampSchema } from './json.ts';

export const checkStateSchema = z.enum(['pending', 'success', 'failure', 'neutral']);
export type CheckState = z.infer<typeof checkStateSchema>;

export const pullCheckSchema = z.object({
	/** `check:ID` or `status:NAME`, as `POST /api/sessions/{id}/pull/fix` takes it. */
	id: z.string(),
	name: z.string(),
	state: checkStateSchema,
	url: z.string().nullable()
});
export type PullCheck = z.infer<typeof pullCheckSchema>;

/** A thread of a review, by its first comment. */
export const pullThreadSchema = z.object({
	/** `thread:ID`. */
	id: z.string(),
	author: z.string(),
	path: z.string(),
	line: z.int().nullable(),
	body: z.string(),
	replies: z.int(),
	url: z.string()
});
export type PullThread = z.infer<typeof pullThreadSchema>;

export const pullRequestSchema = z.object({
	number: z.int(),
	title: z.string(),
	url: z.string(),
	state: z.enum(['draft', 'open', 'merged', 'closed']),
	base: z.string(),
	headCommit: z.string(),
	/** Of all checks together; null when there are none. */
	checkState: checkStateSchema.nullable(),
	checks: z.array(pullCheckSchema),
	/** Of the newest review of each reviewer; null while there is none. */
	review: z.enum(['approved', 'changes_requested', 'commented']).nullable(),
	threads: z.array(pullThreadSchema)
});
export type PullRequest = z.infer<typeof pullRequestSchema>;

/** Answer of `GET /api/sessions/{id}/pull`. */
export const pullStateSchema = z.object({
	/** Why there are no GitHub parts, in one line; null where there are. */
	unavailable: z.string().nullable(),
	links: z.object({ branch: z.string(), compare: z.string(), newPull: z.string() }).nullable(),
	pull: pullRequestSchema.nullable(),
	/** When GitHub was last asked; null: not yet. */
	checkedAt: timestampSchema.nullable(),
	/** Why the last look failed; what is shown is then older. */
	problem: wireErrorSchema.nullable()
});
export type PullState = z.infer<typeof pullStateSchema>;

/** `POST /api/sessions/{id}/pull`: pushes the branch if it has to, then opens a pull request. */
export const createPullSchema = z.strictObject({
	title: z
		.string()
		.max(256)
		.refine((title) => title.trim().length > 0, 'must not be empty'),
	body: z.string().max(65_536).default(''),
	/** The branch to merge into. */
	base: z.string().min(1).max(255),
	draft: z.boolean().default(false)
});
export type CreatePull = z.infer<typeof createPullSchema>;

/** `POST /api/sessions/{id}/pull/fix`: sends a failing check with its log, or a thread, to the agent. */
export const fixPullSchema = z.strictObject({
	/** Of a check or a thread. */
	id: z.string().min(1).max(300)
});
