/**
 * Connections to upstreams. A module of its own, to be loaded when a session needs it: its library takes
 * long, and the demo model does without.
 */
import { Agent, EnvHttpProxyAgent, Pool, type Dispatcher } from 'undici';

const AGENT_OPTIONS = {
	// A model may think for minutes before its first byte, and pause between two.
	headersTimeout: 15 * 60_000,
	bodyTimeout: 15 * 60_000,
	connect: { timeout: 20_000 },
	pipelining: 1
};

/**
 * How long an idle connection is kept when the server does not say: long for Anthropic, so that a turn
 * begins without a handshake; short for others, some of which close after five seconds and would
 * swallow a request.
 */
const keepAliveFor = (origin: string | URL): number =>
	new URL(origin).hostname.endsWith('.anthropic.com') ? 60_000 : 4_000;

/** Connections to upstreams, kept alive between requests. A proxy of the environment is used. */
export function createUpstreamAgent(env: Record<string, string | undefined>): Dispatcher {
	const proxied = env.HTTPS_PROXY || env.https_proxy || env.HTTP_PROXY || env.http_proxy;
	if (proxied) {
		// What runs on this machine is reached directly, whatever the environment forgot to except.
		const given = env.no_proxy ?? env.NO_PROXY ?? '';
		const noProxy = [given, 'localhost', '127.0.0.1', '::1', '[::1]'].filter(Boolean).join(',');
		return new EnvHttpProxyAgent({ ...AGENT_OPTIONS, noProxy });
	}
	return new Agent({
		...AGENT_OPTIONS,
		factory: (origin, options) =>
			new Pool(origin, { ...options, keepAliveTimeout: keepAliveFor(origin) })
	});
}
