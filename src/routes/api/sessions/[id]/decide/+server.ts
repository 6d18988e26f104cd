import { decideSchema } from '@agent-manager/protocol/requests.ts';
import { sessionCommand } from '#lib/server/api/session-command.ts';

export const POST = sessionCommand(decideSchema, ({ app, id, body, key }) =>
	app.sessions.decide(id, body, key)
);
