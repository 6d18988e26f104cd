/**
 * How git reaches a repo's upstream: which transport, held to which addresses, with which
 * credential. The credential goes by environment, never on a command line.
 */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { Git, GitRun } from './exec.ts';
import type { GitProtocol } from './git-environment.ts';
import { checkHost, type HostPin, type HostPolicy } from './host-policy.ts';
import { parseRepoAddress, type RepoAddress } from './repo-address.ts';

/** An HTTP header that signs in at one server, such as `Authorization: Basic …`. Secret. */
export interface RemoteAuth {
	/** Sent only to addresses that start with it: `https://github.com/`. */
	urlPrefix: string;
	header: string;
}

export interface Remote {
	address: RepoAddress;
	auth: RemoteAuth | null;
	policy: HostPolicy;
}

/** What every git run towards this remote is given. */
export interface Connection {
	url: string;
	run: Pick<GitRun, 'protocols' | 'userConfig' | 'config' | 'env'>;
	/** Further arguments of `fetch` and `ls-remote`. */
	args: readonly string[];
}

/**
 * A local repo may belong to another user than the manager's, which git refuses unless told; reading
 * it through upload-pack runs nothing of its configuration. A constant: it goes through a shell.
 */
const LOCAL_UPLOAD_PACK = `--upload-pack=git -c safe.directory='*' upload-pack`;

const PROTOCOLS: Record<RepoAddress['transport'], readonly GitProtocol[]> = {
	file: ['file'],
	http: ['http', 'https'],
	// the person's own `url.*.insteadOf` may turn one into the other
	https: ['https', 'ssh'],
	ssh: ['ssh', 'https']
};

/**
 * ssh is held to the checked addresses, unless the person's own ssh configuration sends the host
 * elsewhere. Every value in it was checked to be a host name or an IP address.
 */
const sshCommand = async (git: Git, address: RepoAddress, pin: HostPin): Promise<string> => {
	const parts = ['ssh', '-o BatchMode=yes', '-o ConnectTimeout=15', '-o ServerAliveInterval=15'];
	const [first] = pin.addresses;
	if (first !== undefined && address.host !== null && first !== address.host) {
		if ((await git.sshHostName(address.host)) === address.host) {
			const known = address.port === 22 ? address.host : `[${address.host}]:${address.port}`;
			parts.push(`-o HostName=${first}`, `-o 'HostKeyAlias=${known}'`);
		}
	}
	return parts.join(' ');
};

/** Errors: `repo_host_not_allowed`, `repo_unreachable`. */
export const connect = async (git: Git, remote: Remote): Promise<Result<Connection, WireError>> => {
	const { address, auth } = remote;
	const protocols = PROTOCOLS[address.transport];
	if (address.transport === 'file') {
		return ok({ url: address.url, run: { protocols }, args: [LOCAL_UPLOAD_PACK] });
	}
	const pin = await checkHost(address, remote.policy, git.usesProxy);
	if (!pin.ok) return pin;
	const config: (readonly [string, string])[] = [];
	if (address.transport !== 'ssh' && pin.value.addresses.length > 0) {
		const list = pin.value.addresses.map((ip) => (ip.includes(':') ? `[${ip}]` : ip)).join(',');
		config.push(['http.curloptResolve', `${address.host}:${address.port}:${list}`]);
	}
	if (auth && address.url.startsWith(auth.urlPrefix)) {
		config.push([`http.${auth.urlPrefix}.extraHeader`, auth.header]);
	}
	const env = { GIT_SSH_COMMAND: await sshCommand(git, address, pin.value) };
	return ok({ url: address.url, run: { protocols, userConfig: true, config, env }, args: [] });
};

export interface RemoteHeads {
	/** The branch HEAD names, if it names one that exists. */
	head: string | null;
	/** Commit HEAD is at; set also when it names no branch. */
	headCommit: string | null;
	/** Branch name to commit. */
	branches: Map<string, string>;
}

const parseHeads = (stdout: string): RemoteHeads => {
	const heads: RemoteHeads = { head: null, headCommit: null, branches: new Map() };
	for (const line of stdout.split('\n')) {
		const [left = '', name = ''] = line.split('\t');
		if (name === 'HEAD' && left.startsWith('ref: refs/heads/')) {
			heads.head = left.slice('ref: refs/heads/'.length);
		} else if (name === 'HEAD') {
			heads.headCommit = left;
		} else if (name.startsWith('refs/heads/')) {
			heads.branches.set(name.slice('refs/heads/'.length), left);
		}
	}
	if (heads.head !== null && !heads.branches.has(heads.head)) heads.head = null;
	return heads;
};

export interface AskOptions {
	timeoutMs?: number;
	signal?: AbortSignal;
	/** Only these refs, such as `refs/heads/main`; default: HEAD and every branch. */
	patterns?: readonly string[];
}

const askRefs = (connection: Connection, options: AskOptions): GitRun => ({
	...connection.run,
	args: [
		'ls-remote',
		'--symref',
		...connection.args,
		'--end-of-options',
		connection.url,
		...(options.patterns ?? ['HEAD', 'refs/heads/*'])
	],
	what: 'reach the repository',
	timeoutMs: options.timeoutMs ?? 60_000,
	maxOutputBytes: 64 * 1024 * 1024,
	signal: options.signal
});

/** What the upstream has now. Errors as `Git.run`. */
export const askHeads = async (
	git: Git,
	connection: Connection,
	options: AskOptions = {}
): Promise<Result<RemoteHeads, WireError>> => {
	const asked = await git.run(askRefs(connection, options));
	return asked.ok ? ok(parseHeads(asked.value.stdout)) : asked;
};

const REDIRECT = /requested URL returned error: 30[12378]/;
const SERVICE = '/info/refs?service=git-upload-pack';

/**
 * Where a renamed repo has gone. Git follows no redirect here, since it would follow one to a
 * private host as well; only a new path on the same server is accepted. Returns null when the
 * failure was no redirect, or one that leads elsewhere.
 */
export const findMoved = async (
	git: Git,
	connection: Connection,
	remote: Remote,
	failure: WireError,
	signal?: AbortSignal
): Promise<RepoAddress | null> => {
	if (!REDIRECT.test(failure.message)) return null;
	let trace = '';
	await git.run({
		...askRefs(connection, { timeoutMs: 15_000, signal }),
		// git masks the credential in this trace; it is read for one header and dropped
		env: { ...connection.run.env, GIT_TRACE_CURL: '1', GIT_TRACE_CURL_NO_DATA: '1' },
		onStderr: (chunk) => (trace = (trace + chunk).slice(-200_000))
	});
	const location = /<= Recv header: location: (\S+)/i.exec(trace)?.[1];
	if (!location?.endsWith(SERVICE)) return null;
	const target = location.slice(0, -SERVICE.length);
	const base = new URL(remote.address.url);
	const resolved = URL.canParse(target, base) ? new URL(target, base) : null;
	if (!resolved || resolved.origin !== base.origin) return null;
	const parsed = parseRepoAddress(resolved.href, {
		allowGitHosts: remote.policy.allowGitHosts,
		home: '/'
	});
	return parsed.ok && parsed.value.identity !== remote.address.identity ? parsed.value : null;
};

/** For a redirect that is not followed: says so, instead of git's bare number. */
export const explainRedirect = (failure: WireError): Result<never, WireError> =>
	fail(
		REDIRECT.test(failure.message)
			? wireError('repo_unreachable', 'The server sends this address elsewhere.', {
					hint: 'Register the repo again under its new address.'
				})
			: failure
	);
