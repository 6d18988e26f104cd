import { forkSchema } from '@agent-manager/protocol/requests.ts';
import { sessionCommand } from '#lib/server/api/session-command.ts';

export const POST = sessionCommand(
	forkSchema,
	({ app, id, body, key }) => app.sessions.fork(id, body, key),
	201
);
