/**
 * Kinds of configuration values: each reads what the environment (always text) or the file (any
 * JSON) gives, and says in words what it takes.
 */
import { isIP } from 'node:net';
import { isAbsolute, join, normalize } from 'node:path';
import { parseDatabaseUrl } from './db/database-url.ts';

export interface ReadContext {
	homeDirectory: string;
}

export interface ValueKind<T> {
	/** Completes the sentence "It must be …". */
	allowed: string;
	/** The value, or undefined when `raw` is none of these. */
	read(raw: unknown, context: ReadContext): T | undefined;
}

export const wholeNumber = (min: number, max: number, note = ''): ValueKind<number> => ({
	allowed: `a whole number from ${min} to ${max}${note}`,
	read: (raw) => {
		const value = typeof raw === 'string' && /^\d+$/.test(raw.trim()) ? Number(raw) : raw;
		return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
			? value
			: undefined;
	}
});

export const decimalNumber = (min: number, max: number): ValueKind<number> => ({
	allowed: `a number from ${min} to ${max}`,
	read: (raw) => {
		const value = typeof raw === 'string' && /^\d+(\.\d+)?$/.test(raw.trim()) ? Number(raw) : raw;
		return typeof value === 'number' && value >= min && value <= max ? value : undefined;
	}
});

export const oneOf = <const T extends string>(choices: readonly T[]): ValueKind<T> => ({
	allowed: `one of ${choices.join(', ')}`,
	read: (raw) =>
		typeof raw === 'string' ? choices.find((choice) => choice === raw.trim()) : undefined
});

export const text = (maxLength: number): ValueKind<string> => ({
	allowed: `a text of at most ${maxLength} characters`,
	read: (raw) =>
		typeof raw === 'string' && raw.length <= maxLength && !raw.includes('\0') ? raw : undefined
});

/** From the environment separated by commas, from the file an array. */
export const listOf = (
	what: string,
	readItem: (item: string) => string | undefined
): ValueKind<string[]> => ({
	allowed: `${what}, several separated by commas (in the file: a list)`,
	read: (raw) => {
		const items =
			typeof raw === 'string' ? raw.split(',').filter((item) => item.trim() !== '') : raw;
		if (!Array.isArray(items)) return undefined;
		const read = items.map((item) =>
			typeof item === 'string' ? readItem(item.trim()) : undefined
		);
		return read.every((item) => item !== undefined) ? [...new Set(read)] : undefined;
	}
});

const HOST_NAME =
	/^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\.?$/i;

export const listenHost: ValueKind<string> = {
	allowed: 'an IP address or a host name, without a port',
	read: (raw) => {
		if (typeof raw !== 'string') return undefined;
		const host = raw.trim().replace(/^\[(.*)\]$/, '$1');
		// All digits and dots is an address that was mistyped, never a name.
		const isName = HOST_NAME.test(host) && !/^[\d.]+$/.test(host);
		return isIP(host) !== 0 || isName ? host.toLowerCase() : undefined;
	}
};

/** `host` or `host:port`, lower case; an IPv6 address in brackets. */
export function readGitHost(item: string): string | undefined {
	const match = /^(\[[0-9a-f:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/i.exec(item);
	const host = match?.[1];
	if (host === undefined || Number(match?.[2] ?? 1) > 65_535) return undefined;
	const valid = host.startsWith('[')
		? isIP(host.slice(1, -1)) === 6
		: isIP(host) === 4 || HOST_NAME.test(host);
	return valid ? item.toLowerCase() : undefined;
}

/** Scheme, host and port exactly as a browser sends them in `Origin`. */
export function readOrigin(item: string): string | undefined {
	try {
		const url = new URL(item);
		const isWeb = url.protocol === 'http:' || url.protocol === 'https:';
		return isWeb && url.origin === item.toLowerCase().replace(/\/$/, '') ? url.origin : undefined;
	} catch {
		return undefined;
	}
}

/** An address without a query or a login in it; https, or http on loopback. */
export const webAddress: ValueKind<string> = {
	allowed: 'an https address such as https://github.example.com/api/v3',
	read: (raw) => {
		if (typeof raw !== 'string' || !URL.canParse(raw)) return undefined;
		const url = new URL(raw);
		const isLocal = ['127.0.0.1', 'localhost', '[::1]'].includes(url.hostname);
		if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLocal)) return undefined;
		if (url.username || url.password || url.search || url.hash) return undefined;
		return url.href.replace(/\/+$/, '');
	}
};

export const folderPath: ValueKind<string> = {
	allowed: 'an absolute path, or one that starts with ~/',
	read: (raw, { homeDirectory }) => {
		if (typeof raw !== 'string' || raw.includes('\0')) return undefined;
		const given = raw.trim();
		const isHome = given === '~' || given.startsWith('~/');
		const path = isHome ? join(homeDirectory, given.slice(1)) : given;
		if (!isAbsolute(path)) return undefined;
		const clean = normalize(path);
		return clean.length > 1 ? clean.replace(/[/\\]$/, '') : undefined;
	}
};

export const databaseUrl: ValueKind<string> = {
	allowed: 'a URL such as postgresql://user:password@host:5432/name',
	read: (raw) =>
		typeof raw === 'string' && parseDatabaseUrl(raw.trim()) !== null ? raw.trim() : undefined
};

const IMAGE =
	/^(?=.{1,255}$)([a-z0-9][a-z0-9.-]*(:\d+)?\/)?[a-z0-9]+([._-]+[a-z0-9]+)*(\/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[\w][\w.-]{0,127})?(@sha256:[a-f0-9]{64})?$/;

export const imageName: ValueKind<string> = {
	allowed: 'the name of an image, such as name:tag',
	read: (raw) => (typeof raw === 'string' && IMAGE.test(raw.trim()) ? raw.trim() : undefined)
};

/** A value that may be absent: `null` in the file says so, an empty variable never gets here. */
export const optional = <T>(kind: ValueKind<T>): ValueKind<T | null> => ({
	allowed: kind.allowed,
	read: (raw, context) => (raw === null ? null : kind.read(raw, context))
});
