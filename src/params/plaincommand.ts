/** The commands of a session that carry nothing but their key. */
import type { ParamMatcher } from '@sveltejs/kit';
import type { PlainCommand } from '#lib/server/sessions/session-service.ts';

const COMMANDS: readonly PlainCommand[] = [
	'interrupt',
	'stop',
	'resume',
	'retry',
	'finish',
	'sleep',
	'purge'
];

export const match = ((param): param is PlainCommand =>
	COMMANDS.includes(param as PlainCommand)) satisfies ParamMatcher;
