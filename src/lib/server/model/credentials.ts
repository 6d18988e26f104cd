/**
 * Where the manager finds its credential for Anthropic: the environment first, then the login that
 * `claude` keeps. The login is read anew for each request, so a fresh sign-in works at once; it is
 * never refreshed and never written.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';

export type CredentialKind = 'api-key' | 'auth-token' | 'oauth-token' | 'claude-login';

export interface Credential {
	kind: CredentialKind;
	/** Never logged, never sent anywhere but to the upstream. */
	secret: string;
}

/** What of the environment matters here. */
export interface ModelEnvironment {
	ANTHROPIC_API_KEY?: string | undefined;
	ANTHROPIC_AUTH_TOKEN?: string | undefined;
	CLAUDE_CODE_OAUTH_TOKEN?: string | undefined;
	ANTHROPIC_BASE_URL?: string | undefined;
	/** Where `claude` keeps its files, if not in `~/.claude`. */
	CLAUDE_CONFIG_DIR?: string | undefined;
}

const SIGN_IN_HINT = 'Run `claude` and type `/login`, or set ANTHROPIC_API_KEY.';

const FROM_ENVIRONMENT = [
	['ANTHROPIC_API_KEY', 'api-key'],
	['ANTHROPIC_AUTH_TOKEN', 'auth-token'],
	['CLAUDE_CODE_OAUTH_TOKEN', 'oauth-token']
] as const;

/** A key with a line break or a control character could not be sent as a header. */
const USABLE = /^[\x21-\x7e]{1,8192}$/;

/** The credential a person put into the environment; null if there is none. */
export function environmentCredential(env: ModelEnvironment): Result<Credential | null, WireError> {
	for (const [name, kind] of FROM_ENVIRONMENT) {
		const secret = env[name]?.trim();
		if (!secret) continue;
		if (USABLE.test(secret)) return ok({ kind, secret });
		return fail(
			wireError('model_auth', `${name} has characters that no credential has.`, {
				hint: `Set ${name} again, without spaces or line breaks.`
			})
		);
	}
	return ok(null);
}

const loginSchema = z.object({
	claudeAiOauth: z.object({
		accessToken: z.string().regex(USABLE),
		/** Epoch milliseconds. */
		expiresAt: z.number().nullish()
	})
});

/** The login in `~/.claude/.credentials.json`; null if there is none. Errors: `model_auth`. */
export async function claudeLogin(
	env: ModelEnvironment,
	homeDirectory: string,
	nowMs: number
): Promise<Result<Credential | null, WireError>> {
	const folder = env.CLAUDE_CONFIG_DIR?.trim() || join(homeDirectory, '.claude');
	let text: string;
	try {
		text = await readFile(join(folder, '.credentials.json'), 'utf8');
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === 'ENOENT' || code === 'ENOTDIR') return ok(null);
		return fail(
			wireError('model_auth', `The login of Claude Code can't be read (${code ?? 'error'}).`, {
				hint: SIGN_IN_HINT
			})
		);
	}
	let json: unknown;
	try {
		json = JSON.parse(text);
	} catch {
		return fail(
			wireError('model_auth', 'The login of Claude Code is damaged.', { hint: SIGN_IN_HINT })
		);
	}
	const login = loginSchema.safeParse(json);
	// The file also exists for other things, without a login to Claude in it.
	if (!login.success) return ok(null);
	const { accessToken, expiresAt } = login.data.claudeAiOauth;
	if (expiresAt && expiresAt <= nowMs) {
		return fail(
			wireError('model_auth', 'The login of Claude Code has expired.', { hint: SIGN_IN_HINT })
		);
	}
	return ok({ kind: 'claude-login', secret: accessToken });
}

export const noCredential = (): WireError =>
	wireError('model_auth', 'No credential for Anthropic was found.', { hint: SIGN_IN_HINT });
