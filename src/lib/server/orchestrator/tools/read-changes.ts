import { changeScopeSchema, treePathSchema } from '@agent-manager/protocol/changes.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import * as z from 'zod';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { sessionIdInput, tool, visibleSession, type Answer, type ToolContext } from '../tool.ts';

const FILES_MAX = 100;
/** Of one page of a diff, in characters: what an agent reads at once, and no more. */
const PAGE_CHARS = 12_000;

const inputSchema = z.strictObject({
	session_id: sessionIdInput,
	path: treePathSchema.optional().describe('The diff of this file, instead of the list of files.'),
	old_path: treePathSchema.optional().describe('Of a renamed file.'),
	scope: changeScopeSchema
		.exclude(['commit'])
		.default('base')
		.describe(
			'base: all its commits; turn: all since its last turn began, committed or not; uncommitted: what it has not committed.'
		),
	cursor: z.string().max(100).optional()
});
type Input = z.output<typeof inputSchema>;

/** A place in what was compared then: pages of two states of a branch are never put together. */
const cursorAt = ({ headCommit }: Session, at: number): string => `${headCommit ?? ''}:${at}`;

const placeOf = (
	{ headCommit }: Session,
	cursor: string | undefined
): Result<number, WireError> => {
	if (cursor === undefined) return ok(0);
	const [, commit, at] = /^([0-9a-f]*):(\d{1,9})$/.exec(cursor) ?? [];
	if (at === undefined) return fail(wireError('bad_request', 'cursor: is not one of these.'));
	if (commit === (headCommit ?? '')) return ok(Number(at));
	return fail(
		wireError('bad_request', 'cursor: the branch has moved on meanwhile.', {
			hint: 'Begin again, without a cursor.'
		})
	);
};

/** Whole lines from `at` on, as many as fit; a line longer than a page is cut into pages. */
const pageOf = (text: string, at: number): { text: string; next: number | null } => {
	const end = at + PAGE_CHARS;
	if (end >= text.length) return { text: text.slice(at), next: null };
	const line = text.lastIndexOf('\n', end - 1) + 1;
	const next = line > at ? line : end;
	return { text: text.slice(at, next), next };
};

const fileList = async ({ sessions }: ToolContext, session: Session, input: Input): Answer => {
	const at = placeOf(session, input.cursor);
	if (!at.ok) return at;
	const changes = await sessions.changes.list(session.id, { scope: input.scope });
	if (!changes.ok) return changes;
	const { files, fileCount, added, removed, from, to } = changes.value;
	const page = files.slice(at.value, at.value + FILES_MAX);
	const next = at.value + FILES_MAX;
	return ok({
		...{ from, to, file_count: fileCount, added, removed },
		files: page.map(({ path, oldPath, status, added: more, removed: less }): JsonObject => ({
			...{ path, status, added: more, removed: less },
			...(oldPath !== null && { old_path: oldPath })
		})),
		next_cursor: next < files.length ? cursorAt(session, next) : null
	});
};

const fileDiff = async (
	{ sessions }: ToolContext,
	session: Session,
	input: Input & { path: string }
): Answer => {
	const at = placeOf(session, input.cursor);
	if (!at.ok) return at;
	const { path, old_path } = input;
	const paths = { path, ...(old_path !== undefined && { oldPath: old_path }) };
	const diff = await sessions.changes.file(session.id, { scope: input.scope }, paths);
	if (!diff.ok) return diff;
	const { hunks, omitted } = diff.value;
	const { text, next } = pageOf(hunks, at.value);
	return ok({
		...{ path, diff: text, omitted },
		next_cursor: next === null ? null : cursorAt(session, next)
	});
};

export const readChanges = tool({
	name: 'read_changes',
	description:
		'What a session has changed: its files with lines added and removed; with path the diff of that file. In pages: give next_cursor back for the next one.',
	input: inputSchema,
	readOnly: true,
	run: async (context, input) => {
		const found = await visibleSession(context, input.session_id);
		if (!found.ok) return found;
		const { path } = input;
		return path === undefined
			? fileList(context, found.value, input)
			: fileDiff(context, found.value, { ...input, path });
	}
});
