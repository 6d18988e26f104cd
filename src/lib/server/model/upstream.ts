/** Which model answers: Anthropic, a compatible server, or the built-in demo model. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import {
	claudeLogin,
	environmentCredential,
	noCredential,
	type Credential,
	type CredentialKind,
	type ModelEnvironment
} from './credentials.ts';
import type { UpstreamHooks } from './usage.ts';

export type UpstreamSetting = 'auto' | 'anthropic' | 'demo';

export type Upstream =
	| {
			kind: 'demo';
			handle(req: IncomingMessage, res: ServerResponse, hooks: UpstreamHooks): Promise<void>;
	  }
	| {
			kind: 'anthropic' | 'custom';
			/** Without a slash at the end. */
			baseUrl: string;
			/** Null only for a custom upstream that needs none. */
			credential: Credential | null;
	  };

/** For `doctor` and the UI: which upstream serves now, and what is wrong with it. */
export interface UpstreamDescription {
	kind: 'demo' | 'anthropic' | 'custom';
	credential: CredentialKind | null;
	/** Null for the demo model. Never carries a user name or password. */
	baseUrl: string | null;
	problem: WireError | null;
}

export interface UpstreamResolver {
	/** Asked for each request. Errors: `model_auth`. */
	resolve(): Promise<Result<Upstream, WireError>>;
	describe(): Promise<UpstreamDescription>;
}

export interface UpstreamOptions {
	setting: UpstreamSetting;
	env: ModelEnvironment;
	/** The person's home, where `.claude` may be. */
	homeDirectory: string;
	demo: Extract<Upstream, { kind: 'demo' }>['handle'];
	now: () => number;
}

const ANTHROPIC = 'https://api.anthropic.com';

type Target = { kind: 'anthropic' | 'custom'; baseUrl: string };

function targetOf(env: ModelEnvironment): Result<Target, WireError> {
	const raw = env.ANTHROPIC_BASE_URL?.trim();
	if (!raw) return ok({ kind: 'anthropic', baseUrl: ANTHROPIC });
	const url = URL.canParse(raw) ? new URL(raw) : null;
	if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
		return fail(
			wireError('model_unreachable', 'ANTHROPIC_BASE_URL is not a plain http or https URL.', {
				hint: 'Set it to something like https://models.example.org, without user name or query.'
			})
		);
	}
	const baseUrl = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
	return ok({ kind: baseUrl === ANTHROPIC ? 'anthropic' : 'custom', baseUrl });
}

export function createUpstreamResolver(options: UpstreamOptions): UpstreamResolver {
	const { setting, env, homeDirectory, demo, now } = options;

	/**
	 * A login made for Anthropic goes to Anthropic only: a custom upstream gets what the environment
	 * names for it, or nothing.
	 */
	async function findCredential(target: Target): Promise<Result<Credential | null, WireError>> {
		const named = environmentCredential(env);
		if (!named.ok || named.value) return named;
		return target.kind === 'custom' ? ok(null) : claudeLogin(env, homeDirectory, now());
	}

	async function resolve(): Promise<Result<Upstream, WireError>> {
		const demoUpstream: Upstream = { kind: 'demo', handle: demo };
		if (setting === 'demo') return ok(demoUpstream);
		const target = targetOf(env);
		if (!target.ok) return target;
		const credential = await findCredential(target.value);
		if (!credential.ok) return credential;
		if (credential.value || target.value.kind === 'custom') {
			return ok({ ...target.value, credential: credential.value });
		}
		return setting === 'auto' ? ok(demoUpstream) : fail(noCredential());
	}

	return {
		resolve,
		async describe() {
			const found = await resolve();
			if (!found.ok) {
				const target = targetOf(env);
				return {
					kind: target.ok ? target.value.kind : 'custom',
					credential: null,
					baseUrl: target.ok ? target.value.baseUrl : null,
					problem: found.error
				};
			}
			const upstream = found.value;
			return upstream.kind === 'demo'
				? { kind: 'demo', credential: null, baseUrl: null, problem: null }
				: {
						kind: upstream.kind,
						credential: upstream.credential?.kind ?? null,
						baseUrl: upstream.baseUrl,
						problem: null
					};
		}
	};
}
