import { fixPullSchema } from '@agent-manager/protocol/github.ts';
import { sessionCommand } from '#lib/server/api/session-command.ts';

export const POST = sessionCommand(fixPullSchema, ({ app, id, body, key }) =>
	app.pulls.fix(id, body.id, key)
);
