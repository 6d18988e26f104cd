/**
 * Which hosts a sandbox may reach through the door. Pure: a name and a port in, a decision out.
 * Whether the name leads to a public address is checked after it was resolved, in
 * `public-address.ts`.
 */

export interface EgressPolicy {
	/** The host of the session's repo, such as `github.com`; null for a local path. */
	repoHost: string | null;
	/**
	 * True when the person listed the repo's host in `allowGitHosts`: then it may be on a private or
	 * loopback address.
	 */
	repoHostMayBePrivate: boolean;
	/** More names a person allows for this repo: exact, or `*.example.org` for all below. */
	extraHosts: readonly string[];
}

export interface EgressDecision {
	allowed: boolean;
	/** Why, in words for the event and the agent. */
	reason: string;
	/** The name may lead to a private address. Default false. */
	allowPrivate?: boolean;
}

/** Where package managers get packages from, and what those redirect to. */
export const DEFAULT_EGRESS_HOSTS: readonly string[] = [
	// JavaScript
	'registry.npmjs.org',
	'registry.yarnpkg.com',
	'npm.jsr.io',
	// Python
	'pypi.org',
	'files.pythonhosted.org',
	// Rust
	'crates.io',
	'static.crates.io',
	'index.crates.io',
	// Go
	'proxy.golang.org',
	'sum.golang.org',
	// Ruby
	'rubygems.org',
	'index.rubygems.org',
	// Java
	'repo.maven.apache.org',
	'repo1.maven.org',
	'plugins.gradle.org',
	// PHP, .NET
	'repo.packagist.org',
	'api.nuget.org',
	// Debian, Ubuntu
	'deb.debian.org',
	'security.debian.org',
	'archive.ubuntu.com',
	'security.ubuntu.com'
];

const WEB_PORTS = [443, 80];
const REPO_PORTS = [443, 80, 22];

/** Lower case, without the dot that ends a full name. */
export const normalizeHost = (host: string): string => host.toLowerCase().replace(/\.$/, '');

const NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})?(\.[a-z0-9_]([a-z0-9_-]{0,62})?)*$/;

const matches = (pattern: string, host: string): boolean =>
	pattern.startsWith('*.')
		? host.endsWith(pattern.slice(1)) && host.length > pattern.length - 1
		: host === pattern;

export function decideEgress(policy: EgressPolicy, rawHost: string, port: number): EgressDecision {
	const host = normalizeHost(rawHost);
	const isRepoHost = policy.repoHost !== null && host === normalizeHost(policy.repoHost);
	if (isRepoHost) {
		return REPO_PORTS.includes(port)
			? { allowed: true, reason: "the repo's own host", allowPrivate: policy.repoHostMayBePrivate }
			: { allowed: false, reason: `port ${port} is not allowed, only ${REPO_PORTS.join(', ')}` };
	}
	if (!NAME.test(host)) return { allowed: false, reason: 'not a host name' };
	const listed =
		DEFAULT_EGRESS_HOSTS.includes(host) ||
		policy.extraHosts.some((pattern) => matches(normalizeHost(pattern), host));
	if (!listed) return { allowed: false, reason: 'the host is not on the allow-list' };
	return WEB_PORTS.includes(port)
		? { allowed: true, reason: 'on the allow-list' }
		: { allowed: false, reason: `port ${port} is not allowed, only ${WEB_PORTS.join(', ')}` };
}
