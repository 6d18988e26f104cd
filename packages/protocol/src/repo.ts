import * as z from 'zod';
import { wireErrorSchema } from './errors.ts';
import { timestampSchema } from './json.ts';
import { repoIdSchema } from './ids.ts';

/** Where a repo comes from: GitHub, another git server, or a folder on this machine. */
export const repoKindSchema = z.enum(['github', 'git', 'local']);
export type RepoKind = z.infer<typeof repoKindSchema>;

/** `cloning` until the first fetch is done, then `ready`; `error` carries why. */
export const repoStatusSchema = z.enum(['cloning', 'ready', 'error']);
export type RepoStatus = z.infer<typeof repoStatusSchema>;

/** What git says while it clones or fetches. `percent` is of the current `phase`. */
export const repoProgressSchema = z.object({
	phase: z.string(),
	percent: z.int().min(0).max(100).nullable()
});
export type RepoProgress = z.infer<typeof repoProgressSchema>;

/**
 * How many of a repo's sessions are in each status that a person looks for. `total` is what the lists
 * show: an archived session counts as `archived` and nowhere else.
 */
export const sessionCountsSchema = z.object({
	starting: z.int(),
	running: z.int(),
	waiting: z.int(),
	error: z.int(),
	total: z.int(),
	archived: z.int()
});
export type SessionCounts = z.infer<typeof sessionCountsSchema>;

/** What every session of the repo may do without asking. */
export const repoRuleSchema = z.object({
	/** Such as `Bash(npm test:*)`; each is there once. */
	rule: z.string(),
	createdAt: timestampSchema
});
export type RepoRule = z.infer<typeof repoRuleSchema>;

/** A registered repository. */
export const repoSchema = z.object({
	id: repoIdSchema,
	kind: repoKindSchema,
	/** GitHub: the owner. Git server: host and path before the name. Local: `local`. */
	owner: z.string(),
	name: z.string(),
	/** What a person would paste into git: an https or ssh URL, or an absolute path. */
	url: z.string(),
	/** Page of the repo on its server; null where there is none. */
	webUrl: z.string().nullable(),
	/** null until the first fetch is done, and for an empty repository. */
	defaultBranch: z.string().nullable(),
	status: repoStatusSchema,
	progress: repoProgressSchema.nullable(),
	error: wireErrorSchema.nullable(),
	/** Newest first, at most 500; from the last fetch. */
	branches: z.array(z.string()).optional(),
	fetchedAt: timestampSchema.nullable(),
	createdAt: timestampSchema,
	counts: sessionCountsSchema,
	/** Oldest first. */
	rules: z.array(repoRuleSchema)
});
export type Repo = z.infer<typeof repoSchema>;

/** One row of the picker of the user's own GitHub repositories. */
export const githubRepositorySchema = z.object({
	fullName: z.string(),
	description: z.string().nullable(),
	private: z.boolean(),
	pushedAt: timestampSchema.nullable(),
	/** Id of the repo when it is registered already. */
	repoId: repoIdSchema.nullable()
});
export type GithubRepository = z.infer<typeof githubRepositorySchema>;
