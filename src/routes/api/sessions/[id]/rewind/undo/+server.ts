import { sessionCommand } from '#lib/server/api/session-command.ts';

export const POST = sessionCommand(null, ({ app, id, key }) => app.sessions.undoRewind(id, key));
