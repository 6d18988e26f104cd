import { pushRequestSchema } from '@agent-manager/protocol/changes.ts';
import { sessionCommand } from '#lib/server/api/session-command.ts';

export const POST = sessionCommand(pushRequestSchema, ({ app, id, body, key }) =>
	app.sessions.git(id, { kind: 'push', overwrite: body.overwrite ?? null }, key)
);
