/** Commands of a session that carry nothing but their key. */
export const PLAIN_COMMANDS = [
	'interrupt',
	'stop',
	'resume',
	'retry',
	'finish',
	'sleep',
	'purge',
	'archive',
	'unarchive',
	'pin',
	'unpin'
] as const;
export type PlainCommand = (typeof PLAIN_COMMANDS)[number];
