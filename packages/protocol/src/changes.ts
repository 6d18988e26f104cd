import * as z from 'zod';
import { wireErrorSchema } from './errors.ts';
import { seqSchema } from './ids.ts';

/**
 * What to compare. `base`: all commits of the session against the commit they build on; `turn`: the worktree
 * against the commit that the newest turn began at; `commit`: one commit against its first parent;
 * `uncommitted`: the worktree against its newest commit.
 */
export const changeScopeSchema = z.enum(['base', 'turn', 'commit', 'uncommitted']);
export type ChangeScope = z.infer<typeof changeScopeSchema>;

export const changedFileSchema = z.object({
	/** Relative to the repo's root. Bytes that are no UTF-8 are replaced. */
	path: z.string(),
	/** Where a renamed or copied file was before. */
	oldPath: z.string().nullable(),
	status: z.enum(['added', 'modified', 'deleted', 'renamed', 'copied', 'retyped', 'conflicted']),
	/** Lines; null for a file that is not compared by lines: binary, or too large. */
	added: z.int().nullable(),
	removed: z.int().nullable(),
	/** What it is now, or was if it is deleted. */
	kind: z.enum(['file', 'link', 'submodule'])
});
export type ChangedFile = z.infer<typeof changedFileSchema>;

/** Answer of `GET /api/sessions/{id}/changes`. */
export const changesSchema = z.object({
	scope: changeScopeSchema,
	/** Whole commit ids; null where there is nothing to compare yet. */
	from: z.string().nullable(),
	/** Null also for the worktree, which is no commit. */
	to: z.string().nullable(),
	/** Sorted by path, at most 10,000. */
	files: z.array(changedFileSchema),
	/** How many files differ, those that are left out included. */
	fileCount: z.int(),
	added: z.int(),
	removed: z.int(),
	/** Brings the branch into a clone on this machine; null while it has no commits of its own. */
	fetchCommand: z.string().nullable()
});
export type Changes = z.infer<typeof changesSchema>;

/** Answer of `GET /api/sessions/{id}/changes/file`. */
export const fileDiffSchema = z.object({
	/** The hunks of a unified diff, from the first `@@` on; empty when only name or mode changed. */
	hunks: z.string(),
	/** Why there are none to show. */
	omitted: z.enum(['binary', 'too_large']).nullable()
});
export type FileDiff = z.infer<typeof fileDiffSchema>;

/** One commit of a session, as git has it. */
export const sessionCommitSchema = z.object({
	id: z.string(),
	/** The first line of its message, at most 300 characters. */
	subject: z.string(),
	authorName: z.string(),
	authoredAt: z.iso.datetime()
});
export type SessionCommit = z.infer<typeof sessionCommitSchema>;

/** Answer of `GET /api/sessions/{id}/commits`. */
export const sessionCommitsSchema = z.object({
	/** Those that the base has not, newest first, at most 1,000. */
	commits: z.array(sessionCommitSchema),
	/** How many there are, those that are left out included. */
	commitCount: z.int()
});
export type SessionCommits = z.infer<typeof sessionCommitsSchema>;

const PATH_MAX_LENGTH = 4096;

/** A path inside of a tree: nothing that leads out of it. */
export const treePathSchema = z
	.string()
	.min(1)
	.max(PATH_MAX_LENGTH)
	.refine(
		(path) => !path.includes('\0') && !path.split('/').some((part) => part === '..' || part === ''),
		'is not a path inside of the repo'
	);

/** A whole one. */
export const commitIdSchema = z
	.string()
	.regex(/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/, 'is not a commit id');

const comparedShape = {
	scope: changeScopeSchema.default('base'),
	/** With the scope `commit`, and only then. */
	commit: commitIdSchema.optional()
};
const namesItsCommit = ({ scope, commit }: { scope: ChangeScope; commit?: string | undefined }) =>
	(scope === 'commit') === (commit !== undefined);
const COMMIT_RULE = { path: ['commit'], message: 'goes with the scope commit, and only with it' };

/** Query of `GET /api/sessions/{id}/changes`. */
export const changesQuerySchema = z.strictObject(comparedShape).refine(namesItsCommit, COMMIT_RULE);
/** What to compare, and of the scope `commit` which one. */
export type ChangesQuery = z.infer<typeof changesQuerySchema>;

/** Query of `GET /api/sessions/{id}/changes/file`. */
export const fileDiffQuerySchema = z
	.strictObject({
		...comparedShape,
		path: treePathSchema,
		/** Of a renamed file. */
		oldPath: treePathSchema.optional()
	})
	.refine(namesItsCommit, COMMIT_RULE);

/** `POST /api/sessions/{id}/commit`: all that is not committed. */
export const commitRequestSchema = z.strictObject({
	message: z
		.string()
		.max(65_536)
		.refine((text) => text.trim().length > 0, 'must not be empty')
		.refine((text) => !text.includes('\0'), 'must not have a NUL')
});

/** `POST /api/sessions/{id}/push`. */
export const pushRequestSchema = z.strictObject({
	/**
	 * Overwrites the branch on the server, if it is still at this commit: the one that a rejected push has
	 * named in `details.remoteCommit`. Left out, only a fast-forward is taken.
	 */
	overwrite: commitIdSchema.optional()
});

/** `POST /api/sessions/{id}/update`: brings the newest base in; `abort` takes an unfinished update back. */
export const updateRequestSchema = z.strictObject({
	strategy: z.enum(['merge', 'rebase', 'abort'])
});

/** What a git action was asked to do. */
export const gitActionRequestSchema = z.discriminatedUnion('kind', [
	z.object({ kind: z.literal('commit'), message: z.string() }),
	z.object({ kind: z.literal('push'), overwrite: z.string().nullable() }),
	z.object({ kind: z.literal('update'), strategy: updateRequestSchema.shape.strategy }),
	z.object({
		kind: z.literal('rewind'),
		atSeq: seqSchema,
		/** What the files are put back to; null: they stay as they are. */
		checkpoint: commitIdSchema.nullable()
	}),
	z.object({ kind: z.literal('undo_rewind'), rewind: z.string() })
]);
export type GitActionRequest = z.infer<typeof gitActionRequestSchema>;

/** The newest git action of a session. */
export const gitActionSchema = z.object({
	commandId: z.string(),
	request: gitActionRequestSchema,
	status: z.enum(['running', 'done', 'failed']),
	/** Why it failed. `details.conflicts` has the files of a `merge_conflict`. */
	error: wireErrorSchema.nullable()
});
export type GitAction = z.infer<typeof gitActionSchema>;

/** So many paths of a session's files are listed at most. */
export const FILES_MAX = 50_000;

/** Answer of `GET /api/sessions/{id}/files`. */
export const fileListSchema = z.object({
	paths: z.array(z.string()),
	/** There are more. */
	isCut: z.boolean()
});
export type FileList = z.infer<typeof fileListSchema>;
