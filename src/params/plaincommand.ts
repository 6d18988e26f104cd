/** The commands of a session that carry nothing but their key. */
import type { ParamMatcher } from '@sveltejs/kit';
import { PLAIN_COMMANDS, type PlainCommand } from '#lib/domain/plain-command.ts';

export const match = ((param): param is PlainCommand =>
	(PLAIN_COMMANDS as readonly string[]).includes(param)) satisfies ParamMatcher;
