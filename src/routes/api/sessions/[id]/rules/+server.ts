import { sessionRulesSchema } from '@agent-manager/protocol/requests.ts';
import { sessionCommand } from '#lib/server/api/session-command.ts';

export const POST = sessionCommand(sessionRulesSchema, ({ app, id, body, key }) =>
	app.sessions.rules(id, body, key)
);
