import { sendMessageSchema } from '@agent-manager/protocol/requests.ts';
import { sessionCommand } from '#lib/server/api/session-command.ts';

export const POST = sessionCommand(sendMessageSchema, ({ app, id, body, key }) =>
	app.sessions.sendMessage(id, body, 'person', key)
);
