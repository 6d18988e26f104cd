import { renameSchema } from '@agent-manager/protocol/requests.ts';
import { sessionCommand } from '#lib/server/api/session-command.ts';

export const POST = sessionCommand(renameSchema, ({ app, id, body, key }) =>
	app.sessions.rename(id, body, key)
);
