/**
 * Turns what git says on stderr into an error of the closed list, in words that may be shown.
 * Stderr is not ours alone: `remote:` lines come from a server, so it is cleaned and shortened, and
 * whatever looks like a credential is taken out.
 */
import type { ErrorCode, WireError } from '@agent-manager/protocol/errors.ts';
import { cleanText } from '#lib/domain/clean-text.ts';
import { wireError } from '#lib/domain/errors.ts';

const MESSAGE_MAX = 500;

/** Takes credentials out: in addresses, in headers, and tokens that tell themselves by prefix. */
export const redactGit = (text: string): string =>
	text
		.replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/@'"]*@/gi, '$1***@')
		.replace(/(authorization:\s*)(\w+\s+)?[^\s'"]+/gi, '$1***')
		.replace(/\b(gh[opsur]_|github_pat_|glpat-|sk-ant-)[A-Za-z0-9_-]+/g, '$1***');

/** In order: the first pattern that matches decides. Git speaks English here (`LC_ALL=C`). */
const PATTERNS: readonly (readonly [ErrorCode, RegExp])[] = [
	['disk_full', /No space left on device|Disk quota exceeded|out of disk space/i],
	['push_refused', /archived so it is read-only/i],
	[
		'repo_auth_required',
		/could not read (Username|Password)|Authentication failed|terminal prompts disabled|Permission denied \(|Invalid username or (password|token)|HTTP Basic: Access denied|requested URL returned error: (401|403)|Too many authentication failures|Write access to repository not granted/i
	],
	[
		'repo_missing_remote',
		/repository '[^']*' (not found|does not exist)|Repository not found|requested URL returned error: (404|410)|does not appear to be a git repository|no such repository|repository not exported|project you were looking for could not be found|not valid: is this a git repository/i
	],
	[
		'repo_unreachable',
		/Could not resolve (host|proxy)|Failed to connect|Couldn't connect|Connection (refused|timed out|reset|closed)|Network is unreachable|No route to host|Host key verification failed|kex_exchange|SSL|TLS|certificate|unable to access|unable to connect|early EOF|RPC failed|remote end hung up|Operation too slow|Could not read from remote repository/i
	]
];

/** Progress and server chatter say nothing about why it failed. */
const isNoise = (line: string): boolean =>
	line.trim() === '' ||
	/^(hint: |Cloning into|Fetching |From |remote: ?(Enumerating|Counting|Compressing|Total)|(Receiving|Resolving|Updating) )/.test(
		line
	);

/** The lines that say why, redacted and without controls, at most 500 characters. */
export const readableStderr = (stderr: string): string => {
	const lines = cleanText(redactGit(stderr))
		.split('\n')
		.map((line) => line.trim())
		.filter((line) => !isNoise(line));
	const fatal = lines.findIndex((line) => /^(fatal|error|ERROR):/.test(line));
	const chosen = (fatal >= 0 ? lines.slice(Math.max(0, fatal - 1)) : lines.slice(-3)).join(' ');
	return chosen.length > MESSAGE_MAX ? `${chosen.slice(0, MESSAGE_MAX - 1)}…` : chosen;
};

const HINTS: readonly (readonly [RegExp, string])[] = [
	[
		/Host key verification failed/i,
		'Connect to the host once with ssh to accept its key, then refresh the repo.'
	],
	[
		/certificate|SSL/i,
		'Give git the server’s certificate authority (http.sslCAInfo), then refresh.'
	],
	[/requested URL returned error: 403/i, 'The account in use has no access to this repository.']
];

const IN_WORDS: Partial<Record<ErrorCode, string>> = {
	push_refused: 'The server refused the push',
	repo_auth_required: 'The server wants a login that git has not got here',
	repo_missing_remote: 'There is no such repository at this address',
	repo_unreachable: 'The server could not be reached'
};

/**
 * The error for a git that ended with a failure. `what` is what we were doing: “fetch the repo”.
 * Only work with a remote can fail for the remote's reasons.
 */
export const classifyGitFailure = (stderr: string, what: string, remote: boolean): WireError => {
	const found = PATTERNS.find(([, pattern]) => pattern.test(stderr))?.[0] ?? 'git_failed';
	const code = remote || found === 'disk_full' ? found : 'git_failed';
	const reason = readableStderr(stderr) || 'git gave no reason';
	const hint = remote ? HINTS.find(([pattern]) => pattern.test(stderr))?.[1] : undefined;
	const words = IN_WORDS[code] ?? `Could not ${what}`;
	return wireError(code, `${words}: ${reason}`, hint === undefined ? {} : { hint });
};
