import { editMessageSchema } from '@agent-manager/protocol/requests.ts';
import { messageCommand } from '#lib/server/api/session-command.ts';

/** Changes a message that the agent has not got yet. */
export const PATCH = messageCommand(editMessageSchema, ({ app, id, messageId, body, key }) =>
	app.sessions.editMessage(id, messageId, body.message, key)
);

/** Takes it back. */
export const DELETE = messageCommand(null, ({ app, id, messageId, key }) =>
	app.sessions.removeMessage(id, messageId, key)
);
