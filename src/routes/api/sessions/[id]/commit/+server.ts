import { commitRequestSchema } from '@agent-manager/protocol/changes.ts';
import { sessionCommand } from '#lib/server/api/session-command.ts';

export const POST = sessionCommand(commitRequestSchema, ({ app, id, body, key }) =>
	app.sessions.git(id, { kind: 'commit', ...body }, key)
);
