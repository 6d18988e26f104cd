import { repoIdSchema } from '@agent-manager/protocol/ids.ts';
import * as z from 'zod';
import { ok } from '#lib/domain/result.ts';
import { tool } from '../tool.ts';

export const listRepos = tool({
	name: 'list_repos',
	description:
		'The repositories of this app, in order of registration. Give next_cursor back for the next page.',
	input: z.strictObject({
		cursor: repoIdSchema.optional(),
		limit: z.int().min(1).max(100).default(50)
	}),
	readOnly: true,
	onlyFor: 'person',
	run: async ({ repos }, { cursor, limit }) => {
		const all = await repos();
		const from = cursor === undefined ? 0 : all.findIndex(({ id }) => id === cursor) + 1;
		const page = all.slice(from, from + limit);
		return ok({
			repos: page.map(({ id, owner, name, status, defaultBranch, counts }) => ({
				...{ repo_id: id, name: `${owner}/${name}`, status, default_branch: defaultBranch },
				sessions: { ...counts }
			})),
			next_cursor: from + limit < all.length ? (page.at(-1)?.id ?? null) : null
		});
	}
});
