import { moveMessageSchema } from '@agent-manager/protocol/requests.ts';
import { messageCommand } from '#lib/server/api/session-command.ts';

/** Another place in the queue for a message that the agent has not got yet. */
export const POST = messageCommand(moveMessageSchema, ({ app, id, messageId, body, key }) =>
	app.sessions.moveMessage(id, messageId, body, key)
);
