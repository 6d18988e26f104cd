import { repoIdSchema } from '@agent-manager/protocol/ids.ts';
import * as z from 'zod';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok } from '#lib/domain/result.ts';
import { briefly, sessionIdInput, tool } from '../tool.ts';

export const listSessions = tool({
	name: 'list_sessions',
	description:
		'The sessions of the repository, newest first, without archived ones. Give next_cursor back for the next page.',
	input: z.strictObject({
		repo_id: repoIdSchema.optional().describe('Your own repository if left out.'),
		started_by_me: z.boolean().default(false),
		cursor: sessionIdInput.optional(),
		limit: z.int().min(1).max(100).default(20)
	}),
	readOnly: true,
	run: async ({ caller, sessions }, { repo_id, started_by_me, cursor, limit }) => {
		const own = caller.kind === 'orchestrator' ? caller.session : null;
		if (own && repo_id !== undefined && repo_id !== own.repoId) {
			return fail(wireError('repo_not_found', 'There is no repo with this id.'));
		}
		const repoId = own?.repoId ?? repo_id;
		const all = await sessions.list({ ...(repoId && { repoId }), archived: false });
		const shown = all
			.filter(({ id, startedBy }) => id !== own?.id && (!started_by_me || startedBy === own?.id))
			.sort((a, b) => b.createdAt.localeCompare(a.createdAt) || a.id.localeCompare(b.id));
		const from = cursor === undefined ? 0 : shown.findIndex(({ id }) => id === cursor) + 1;
		const page = shown.slice(from, from + limit);
		const more = from + limit < shown.length;
		return ok({
			sessions: page.map((session) => ({ ...briefly(session), repo_id: session.repoId })),
			next_cursor: more ? (page.at(-1)?.id ?? null) : null
		});
	}
});
