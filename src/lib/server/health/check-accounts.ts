/** GitHub and the model: both can do without an account, so little here is a failure. */
import type { UpstreamDescription } from '#lib/server/model/upstream.ts';
import { failed, good, warning, type Check, type RunProgram } from './check.ts';

export async function checkGithub(
	run: RunProgram,
	env: Readonly<Record<string, string | undefined>>
): Promise<Check> {
	const name = 'GitHub';
	const variable = ['GITHUB_TOKEN', 'GH_TOKEN'].find((candidate) => env[candidate]);
	if (variable !== undefined) return good(name, `a token in ${variable}`);
	const version = await run('gh', ['--version']);
	if (version === null) {
		return warning(
			name,
			'gh is not installed and GITHUB_TOKEN is not set',
			'Only public repositories can be read. Install gh and run `gh auth login`, or set GITHUB_TOKEN.'
		);
	}
	// The token itself is on its standard output and goes nowhere.
	const token = await run('gh', ['auth', 'token', '--hostname', 'github.com']);
	const number = /(\d+\.\d+\.\d+)/.exec(version.stdout)?.[1] ?? '';
	if (token?.exitCode === 0 && token.stdout.trim() !== '') {
		return good(name, `gh ${number}, signed in`);
	}
	return warning(
		name,
		`gh ${number}, not signed in`,
		'Only public repositories can be read. Run `gh auth login`, or set GITHUB_TOKEN.'
	);
}

const CREDENTIAL_WORDS: Record<NonNullable<UpstreamDescription['credential']>, string> = {
	'api-key': 'ANTHROPIC_API_KEY',
	'auth-token': 'ANTHROPIC_AUTH_TOKEN',
	'oauth-token': 'CLAUDE_CODE_OAUTH_TOKEN',
	'claude-login': 'the login of Claude Code'
};

export function checkModel(described: UpstreamDescription, setting: string): Check {
	const name = 'Model';
	if (described.problem !== null) {
		const { message, hint = 'Correct it, then try again.' } = described.problem;
		return failed(name, message, hint);
	}
	if (described.kind === 'demo') {
		if (setting === 'demo') return good(name, 'the built-in demo model');
		return warning(
			name,
			'no credentials found: the built-in demo model answers',
			'For Claude itself run `claude` and type /login, or set ANTHROPIC_API_KEY.'
		);
	}
	const credential =
		described.credential === null
			? 'without a credential'
			: `with ${CREDENTIAL_WORDS[described.credential]}`;
	return good(name, `${described.baseUrl ?? 'Anthropic'}, ${credential}`);
}
