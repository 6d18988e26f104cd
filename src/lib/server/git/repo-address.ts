/**
 * Reads what a person typed as the address of a repo. Pure: whether a host is private or a folder
 * exists is asked elsewhere. Everything that is not plainly one of the known forms is refused, since
 * git itself takes addresses that run programs (`ext::`), read other files (`file:`), or smuggle
 * options (`ssh://-o…`).
 */
import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { RepoKind } from '@agent-manager/protocol/repo.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';

export interface RepoAddress {
	kind: RepoKind;
	/** GitHub: the owner. Git server: host and path before the name. Local: `local`. */
	owner: string;
	name: string;
	/** For git: an https, http or ssh URL, the `user@host:path` form, or an absolute path. */
	url: string;
	webUrl: string | null;
	/** Two addresses with the same identity are the same repo. */
	identity: string;
	/** Folder of the mirror, relative to the workspace root, with forward slashes. */
	mirrorPath: string;
	transport: 'https' | 'http' | 'ssh' | 'file';
	/** Lower case, IPv6 without brackets; null for a local path. */
	host: string | null;
	port: number | null;
}

/** A host as a person lists it in `allowGitHosts`: `host` (any port) or `host:port`. */
export const isListedHost = (
	host: string,
	port: number | null,
	allowGitHosts: readonly string[]
): boolean => {
	const bracketed = host.includes(':') ? `[${host}]` : host;
	const names = [host, bracketed, ...(port === null ? [] : [`${bracketed}:${port}`])];
	return allowGitHosts.some((entry) => names.includes(entry.trim().toLowerCase()));
};

const MAX_LENGTH = 2048;
const DEFAULT_PORTS = { https: 443, http: 80, ssh: 22 } as const;
const GITHUB_HOSTS = new Set(['github.com', 'www.github.com', 'ssh.github.com']);
const GITHUB_OWNER = /^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,62}[A-Za-z0-9_])?$/;
const GITHUB_NAME = /^[A-Za-z0-9._-]{1,100}$/;
const URL_FORM =
	/^(https?|ssh):\/\/(?:([^@/]*)@)?(\[[0-9a-f:.]+\]|[^/:[\]@]+)(?::(\d{1,5}))?\/(.*)$/i;
const SCP_FORM = /^(?:([^@/:]*)@)?(\[[0-9a-f:.]+\]|[^/:[\]@]+):(.*)$/i;
const HOST_NAME =
	/^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/;
const IPV4 = /^(?:(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])(?:\.(?!$)|$)){4}$/;
const SSH_USER = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/;
const SEGMENT = /^(?!-)(?:[A-Za-z0-9._~+@-]|%[0-9A-Fa-f]{2})+$/;

const invalid = (message: string): Result<never, WireError> =>
	fail(wireError('repo_url_invalid', message));

/** Refuses the forms of an IP address that only some resolvers read as one: octal, hex, short. */
const readHost = (text: string): string | null => {
	const host = text.toLowerCase().replace(/^\[|\]$/g, '');
	if (text.startsWith('[')) return /^[0-9a-f:.]+$/.test(host) ? host : null;
	if (!HOST_NAME.test(host)) return null;
	const last = host.split('.').at(-1) ?? '';
	if (/^\d+$/.test(last) || /^0x[0-9a-f]*$/.test(last)) return IPV4.test(host) ? host : null;
	return host;
};

const decodesPlainly = (segment: string): boolean => {
	try {
		const plain = decodeURIComponent(segment);
		// Controls are what is looked for.
		return plain !== '.' && plain !== '..' && !/[\u0000-\u001f\u007f/\\]|^-/.test(plain);
	} catch {
		return false;
	}
};

/** The path's parts, without `.git` at the end; null when one is not what a server would serve. */
const readSegments = (path: string): string[] | null => {
	const segments = path.replace(/\/$/, '').split('/');
	const sound = (part: string): boolean => SEGMENT.test(part) && decodesPlainly(part);
	if (!segments.every(sound)) return null;
	const last = segments.pop()?.replace(/\.git$/i, '') ?? '';
	return last === '' || !sound(last) ? null : [...segments, last];
};

const github = (owner: string, name: string, ssh: boolean): Result<RepoAddress, WireError> => {
	const bare = name.replace(/\.git$/i, '');
	if (!GITHUB_OWNER.test(owner) || !GITHUB_NAME.test(bare) || /^\.{1,2}$/.test(bare)) {
		return invalid('That is not the name of a GitHub repository.');
	}
	const folded = `${owner}/${bare}`.toLowerCase();
	// a GitHub owner named "local" must not share a folder with local repos
	const folder = folded.startsWith('local/') ? `_${folded}` : folded;
	return ok({
		kind: 'github',
		owner,
		name: bare,
		url: ssh ? `git@github.com:${owner}/${bare}.git` : `https://github.com/${owner}/${bare}.git`,
		webUrl: `https://github.com/${owner}/${bare}`,
		identity: `github:${folded}`,
		mirrorPath: `repos/${folder}.git`,
		transport: ssh ? 'ssh' : 'https',
		host: 'github.com',
		port: ssh ? 22 : 443
	});
};

interface ServerParts {
	transport: 'https' | 'http' | 'ssh';
	host: string;
	port: number;
	segments: string[];
	/** As it goes to git, but for the path's end. */
	url: string;
}

const shortHash = (text: string): string =>
	createHash('sha256').update(text).digest('hex').slice(0, 8);

/**
 * `repos/<host>/<path>.git`. Unambiguous: a port that is not the default belongs to the host, no
 * folder on the way ends in `.git`, and what differs in letter case alone gets a hash, since some
 * file systems don't tell it apart.
 */
const serverMirrorPath = (hostLabel: string, segments: readonly string[]): string => {
	const plain = hostLabel.replace(/[^a-z0-9.-]/g, '_');
	const host = plain.includes('.') ? plain : `_${plain}`;
	const folders = segments
		.slice(0, -1)
		.map((part) => part.replace(/\.git$/i, '.git_').replace(/[^A-Za-z0-9._~+@-]/g, '_'));
	const name = (segments.at(-1) ?? '').replace(/[^A-Za-z0-9._~+@-]/g, '_');
	const path = [...folders, name].join('/');
	const original = segments.join('/');
	const mark = path === original && path === path.toLowerCase() ? '' : `-${shortHash(original)}`;
	return `repos/${host}/${path.toLowerCase()}${mark}.git`;
};

const server = (parts: ServerParts): Result<RepoAddress, WireError> => {
	const { transport, host, port, segments } = parts;
	const standard = port === DEFAULT_PORTS[transport];
	if (GITHUB_HOSTS.has(host) && (standard || (host === 'ssh.github.com' && port === 443))) {
		const [owner, name, ...more] = segments;
		if (transport === 'http' || !owner || !name || more.length > 0) {
			return invalid('A GitHub address has the form https://github.com/owner/name.');
		}
		return github(owner, name, transport === 'ssh');
	}
	const bracketed = host.includes(':') ? `[${host}]` : host;
	const hostLabel = standard ? bracketed : `${bracketed}:${port}`;
	const path = segments.join('/');
	return ok({
		kind: 'git',
		owner: [hostLabel, ...segments.slice(0, -1)].join('/'),
		name: decodeURIComponent(segments.at(-1) ?? ''),
		url: parts.url,
		webUrl: transport === 'https' ? `https://${hostLabel}/${path}` : null,
		identity: `git:${hostLabel}/${path}`,
		mirrorPath: serverMirrorPath(hostLabel, segments),
		transport,
		host,
		port
	});
};

export interface ParseAddressOptions {
	allowGitHosts: readonly string[];
	/** What `~/` stands for. */
	home: string;
	/** Reads plain http addresses of hosts that are not listed too: for stored ones. */
	plainHttp?: boolean;
}

const parseUrl = (
	match: RegExpExecArray,
	options: ParseAddressOptions
): Result<RepoAddress, WireError> => {
	const transport = (match[1] ?? '').toLowerCase() as ServerParts['transport'];
	const user = match[2] ?? null;
	if (user !== null && (transport !== 'ssh' || !SSH_USER.test(user))) {
		return invalid('An address must not hold a user name or password.');
	}
	const host = readHost(match[3] ?? '');
	const port = match[4] === undefined ? DEFAULT_PORTS[transport] : Number(match[4]);
	const segments = readSegments(match[5] ?? '');
	if (host === null || segments === null || port < 1 || port > 65_535) {
		return invalid('That is not the address of a git repository.');
	}
	const listed = options.plainHttp || isListedHost(host, port, options.allowGitHosts);
	if (transport === 'http' && !listed) {
		return invalid('Plain http is taken only from hosts listed in allowGitHosts; use https.');
	}
	const bracketed = host.includes(':') ? `[${host}]` : host;
	const portPart = port === DEFAULT_PORTS[transport] ? '' : `:${port}`;
	const path = (match[5] ?? '').replace(/\/$/, '');
	const url = `${transport}://${user === null ? '' : `${user}@`}${bracketed}${portPart}/${path}`;
	return server({ transport, host, port, segments, url });
};

/** `user@host:path`, whose path is relative to the user's home unless it starts with a slash. */
const parseScp = (match: RegExpExecArray): Result<RepoAddress, WireError> => {
	const user = match[1] ?? null;
	const host = readHost(match[2] ?? '');
	const path = (match[3] ?? '').replace(/\/$/, '');
	const segments = readSegments(path.replace(/^\//, ''));
	// one letter before a colon is a drive of Windows
	const soundUser = user === null ? host?.length !== 1 : SSH_USER.test(user);
	if (host === null || segments === null || !soundUser) {
		return invalid('That is not the address of a git repository.');
	}
	const bracketed = host.includes(':') ? `[${host}]` : host;
	const url = `${user === null ? '' : `${user}@`}${bracketed}:${path}`;
	return server({ transport: 'ssh', host, port: 22, segments, url });
};

/** The path as it stands: links in it are for `realpath` to resolve before it is parsed. */
const parseLocal = (text: string): Result<RepoAddress, WireError> => {
	const path = posix.normalize(text).replace(/\/+$/, '');
	if (path === '') return invalid('That is not the path of a repository.');
	const name = posix.basename(path).replace(/\.git$/i, '') || posix.basename(posix.dirname(path));
	if (name === '') return invalid('That is not the path of a repository.');
	const safe = name.replace(/[^A-Za-z0-9._-]+/g, '-').slice(0, 60);
	return ok({
		kind: 'local',
		owner: 'local',
		name,
		url: path,
		webUrl: null,
		identity: `local:${path}`,
		mirrorPath: `repos/local/${safe}-${shortHash(path)}.git`,
		transport: 'file',
		host: null,
		port: null
	});
};

/**
 * `owner/name`, an https or ssh URL, `user@host:path`, or an absolute path. Parsing a result's `url`
 * again gives the same result. Error: `repo_url_invalid`.
 */
export const parseRepoAddress = (
	input: string,
	options: ParseAddressOptions
): Result<RepoAddress, WireError> => {
	const text = input.trim();
	if (text === '') return invalid('The address is empty.');
	if (text.length > MAX_LENGTH || !text.isWellFormed()) return invalid('The address is too long.');
	// Controls are what is looked for.
	if (/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/.test(text)) {
		return invalid('The address has a character that can’t be seen.');
	}
	if (text.startsWith('/')) return parseLocal(text);
	if (text.startsWith('~/')) return parseLocal(posix.join(options.home, text.slice(2)));
	if (!/^[\x21-\x7e]+$/.test(text)) {
		return invalid('The address has spaces or characters other than ASCII.');
	}
	const short = /^([^/:@]+)\/([^/:@]+)$/.exec(text);
	if (short?.[1] && short[2]) return github(short[1], short[2], false);
	const url = URL_FORM.exec(text);
	if (url) return parseUrl(url, options);
	const scp = text.includes('://') || text.includes('::') ? null : SCP_FORM.exec(text);
	if (scp) return parseScp(scp);
	return invalid('That is not the address of a git repository.');
};
