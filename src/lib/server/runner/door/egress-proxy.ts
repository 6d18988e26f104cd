/**
 * `CONNECT host:port` of a sandbox. The decision is made on the name, then the door resolves the name
 * itself, drops every address that is not public, and connects to exactly the address it checked: a
 * name that leads elsewhere the second time it is asked for gains nothing.
 */
import { lookup } from 'node:dns/promises';
import type { IncomingMessage } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { EgressDecision } from './egress-policy.ts';
import { isPublicAddress } from './public-address.ts';

export interface EgressDenial {
	host: string;
	port: number;
	reason: string;
}

/** How names become addresses and addresses become connections; replaced in tests. */
export interface EgressNetwork {
	resolve(host: string): Promise<string[]>;
	dial(address: string, port: number): Socket;
}

export interface EgressCall {
	decide(host: string, port: number): EgressDecision | Promise<EgressDecision>;
	denied(denial: EgressDenial): void;
	network: EgressNetwork;
}

const RESOLVE_TIMEOUT_MS = 5_000;
const CONNECT_TIMEOUT_MS = 10_000;
const REFUSED_GRACE_MS = 2_000;
const IDLE_TIMEOUT_MS = 10 * 60_000;

export const systemNetwork: EgressNetwork = {
	resolve: async (host) => (await lookup(host, { all: true })).map(({ address }) => address),
	dial: (address, port) => connect({ host: address, port, noDelay: true })
};

/** `host:port` or `[v6]:port`, as RFC 9110 has it; null for anything else. */
export function parseAuthority(authority: string): { host: string; port: number } | null {
	const match = /^(?:\[([0-9a-f:.]{2,45})\]|([^\s:/@[\]?#]{1,253})):(\d{1,5})$/i.exec(authority);
	if (!match) return null;
	const port = Number(match[3]);
	if (port < 1 || port > 65_535) return null;
	return { host: (match[1] ?? match[2])!.toLowerCase(), port };
}

/** Answers on the bare socket and closes it, also when the other side doesn't. */
export function refuse(
	socket: Duplex,
	status: string,
	words: string,
	headers: string[] = []
): void {
	const body = `${words}\n`;
	socket.end(
		[
			`HTTP/1.1 ${status}`,
			'Content-Type: text/plain; charset=utf-8',
			`Content-Length: ${Buffer.byteLength(body)}`,
			'Connection: close',
			...headers,
			'',
			body
		].join('\r\n')
	);
	socket.resume();
	setTimeout(() => socket.destroy(), REFUSED_GRACE_MS).unref();
}

const within = <T>(work: Promise<T>, ms: number): Promise<T> => {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise<never>((_resolve, reject) => {
		timer = setTimeout(() => reject(new Error('timed out')), ms);
	});
	return Promise.race([work, late]).finally(() => clearTimeout(timer));
};

/** The first address that answers; null when none does in time. */
async function dialAny(
	network: EgressNetwork,
	addresses: string[],
	port: number,
	client: Duplex
): Promise<Socket | null> {
	for (const address of addresses) {
		if (client.destroyed) return null;
		const socket = network.dial(address, port);
		const connected = await within(
			new Promise<boolean>((resolve) => {
				socket.once('connect', () => resolve(true));
				socket.once('error', () => resolve(false));
			}),
			CONNECT_TIMEOUT_MS
		).catch(() => false);
		if (connected) return socket;
		socket.destroy();
	}
	return null;
}

function join(client: Duplex, upstream: Socket, head: Buffer): void {
	const end = (): void => {
		client.destroy();
		upstream.destroy();
	};
	for (const side of [client, upstream]) {
		side.on('error', end);
		side.on('close', end);
	}
	upstream.setTimeout(IDLE_TIMEOUT_MS, end);
	if (head.length > 0) upstream.write(head);
	client.pipe(upstream);
	upstream.pipe(client);
}

/** Serves one CONNECT whose token was checked. Resolves when the tunnel stands or was refused. */
export async function serveConnect(
	req: IncomingMessage,
	client: Duplex,
	head: Buffer,
	call: EgressCall
): Promise<void> {
	const authority = parseAuthority(req.url ?? '');
	if (!authority) return refuse(client, '400 Bad Request', 'CONNECT needs host:port.');
	const { host, port } = authority;
	const deny = (reason: string): void => {
		call.denied({ host, port, reason });
		refuse(
			client,
			'403 Forbidden',
			`Agent Manager does not let ${host}:${port} through: ${reason}.`
		);
	};
	const decision = await call.decide(host, port);
	if (!decision.allowed) return deny(decision.reason);
	const resolved = isIP(host)
		? [host]
		: await within(call.network.resolve(host), RESOLVE_TIMEOUT_MS).catch(() => []);
	if (resolved.length === 0) return refuse(client, '502 Bad Gateway', `${host} can't be resolved.`);
	const addresses = decision.allowPrivate ? resolved : resolved.filter(isPublicAddress);
	if (addresses.length === 0) return deny('the name leads to an address that is not public');
	const upstream = await dialAny(call.network, addresses, port, client);
	if (!upstream) return refuse(client, '504 Gateway Timeout', `${host}:${port} does not answer.`);
	if (client.destroyed) {
		upstream.destroy();
		return;
	}
	client.write('HTTP/1.1 200 Connection established\r\n\r\n');
	join(client, upstream, head);
}
