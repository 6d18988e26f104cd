import { configureSchema } from '@agent-manager/protocol/requests.ts';
import { sessionCommand } from '#lib/server/api/session-command.ts';

export const POST = sessionCommand(configureSchema, ({ app, id, body, key }) =>
	app.sessions.configure(id, body, key)
);
