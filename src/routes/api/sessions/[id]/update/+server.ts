import { updateRequestSchema } from '@agent-manager/protocol/changes.ts';
import { sessionCommand } from '#lib/server/api/session-command.ts';

export const POST = sessionCommand(updateRequestSchema, ({ app, id, body, key }) =>
	app.sessions.git(id, { kind: 'update', ...body }, key)
);
