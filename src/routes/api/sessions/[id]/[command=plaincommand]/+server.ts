import type { PlainCommand } from '#lib/domain/plain-command.ts';
import { sessionCommand } from '#lib/server/api/session-command.ts';

/** SvelteKit has matched the command's name. */
export const POST = sessionCommand<null, { id: string; command: PlainCommand }>(
	null,
	({ app, id, key, params }) => app.sessions.plain(id, params.command, key)
);
