/**
 * The environment of the built app: `.env` at the root, then defaults that adapter-node's handler
 * reads at import.
 */
import { fileURLToPath } from 'node:url';
import { config as readDotenv } from 'dotenv';

export interface ServerEnvironment {
	host: string;
	/** 0 asks the system for a free one. */
	port: number;
	/** The request header that tells adapter-node the protocol, if we are the one who sets it. */
	protocolHeader: string | null;
}

/** An expected failure at start: shown without a stack, followed by what to do. */
export class StartError extends Error {
	readonly hint: string;

	constructor(message: string, hint: string) {
		super(message);
		this.name = 'StartError';
		this.hint = hint;
	}
}

function parsePort(text: string): number {
	const port = Number(text);
	if (!/^\d+$/.test(text) || port > 65535) {
		throw new StartError(
			`PORT is ${JSON.stringify(text)}.`,
			'It must be a number from 0 to 65535, where 0 takes any free port.'
		);
	}
	return port;
}

/**
 * Reads `.env` next to the `build` folder (what is set already wins) and fills in the defaults.
 *
 * The protocol: adapter-node assumes https, so that every same-origin form would be refused. Unless
 * a proxy is declared (ORIGIN or PROTOCOL_HEADER), we tell it http through a header of our own.
 */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): ServerEnvironment {
	readDotenv({ path: fileURLToPath(new URL('../.env', import.meta.url)), quiet: true });
	env.NODE_ENV ??= 'production';
	// A prompt may be 1 MiB of text, and its JSON up to four times as long.
	env.BODY_SIZE_LIMIT ??= '5M';
	let protocolHeader: string | null = null;
	if (!env.ORIGIN && !env.PROTOCOL_HEADER) {
		protocolHeader = 'x-agent-manager-protocol';
		env.PROTOCOL_HEADER = protocolHeader;
	}
	return { host: env.HOST || '127.0.0.1', port: parsePort(env.PORT || '3000'), protocolHeader };
}
