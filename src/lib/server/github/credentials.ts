/**
 * The person's GitHub login, as this machine has it: a token in the environment, or what `gh` keeps.
 * Read when it is needed, kept in memory for a short while, never stored or logged.
 */
import { execFile } from 'node:child_process';

export interface GithubCredential {
	/** Secret. */
	token: string;
	source: 'GH_TOKEN' | 'GITHUB_TOKEN' | 'GH_ENTERPRISE_TOKEN' | 'GITHUB_ENTERPRISE_TOKEN' | 'gh';
}

export interface GithubCredentials {
	/** null when nobody is signed in. Never throws. */
	find(): Promise<GithubCredential | null>;
	/** Forgets what is kept: GitHub has refused it, or the person has just signed in. */
	forget(): void;
}

export interface GithubCredentialsOptions {
	env?: NodeJS.ProcessEnv;
	now?: () => number;
	/** Whose login: `github.com` by default, or an Enterprise server. Never one for the other. */
	host?: string;
	/** Default: `gh` on PATH. */
	ghProgram?: string;
}

const GITHUB = 'github.com';
/** As `gh` has them. */
const TOKENS = ['GH_TOKEN', 'GITHUB_TOKEN'] as const;
const ENTERPRISE_TOKENS = ['GH_ENTERPRISE_TOKEN', 'GITHUB_ENTERPRISE_TOKEN'] as const;

const KEPT_MS = 60_000;
const GH_TIMEOUT_MS = 5_000;

/** What goes into a header has no spaces and no controls. */
const soundToken = (text: string | undefined): string | null => {
	const token = text?.trim() ?? '';
	return /^[\x21-\x7e]{8,1024}$/.test(token) ? token : null;
};

const askGh = (program: string, host: string, env: NodeJS.ProcessEnv): Promise<string | null> =>
	new Promise((resolve) => {
		execFile(
			program,
			['auth', 'token', '--hostname', host],
			{ env: { ...env, GH_PROMPT_DISABLED: '1' }, timeout: GH_TIMEOUT_MS, maxBuffer: 64 * 1024 },
			(error, stdout) => resolve(error ? null : soundToken(stdout))
		);
	});

export const createGithubCredentials = (
	options: GithubCredentialsOptions = {}
): GithubCredentials => {
	const env = options.env ?? process.env;
	const now = options.now ?? Date.now;
	const host = options.host ?? GITHUB;
	let kept: { until: number; found: Promise<GithubCredential | null> } | null = null;

	const look = async (): Promise<GithubCredential | null> => {
		for (const source of host === GITHUB ? TOKENS : ENTERPRISE_TOKENS) {
			const token = soundToken(env[source]);
			if (token !== null) return { token, source };
		}
		const token = await askGh(options.ghProgram ?? 'gh', host, env);
		return token === null ? null : { token, source: 'gh' };
	};

	return {
		find() {
			if (kept === null || kept.until <= now()) kept = { until: now() + KEPT_MS, found: look() };
			return kept.found;
		},
		forget() {
			kept = null;
		}
	};
};
