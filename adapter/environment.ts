/**
 * The environment of the app before it starts: what `.env` at the root says, the configured address,
 * and the defaults that adapter-node's handler reads at import.
 */
import type { Config } from '#lib/server/config.ts';
import { formatConfigProblems, loadProcessConfig, readDotEnv } from '#lib/server/config-process.ts';
import { SETTING_NAMES, SETTINGS } from '#lib/server/config-table.ts';

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

/**
 * Puts what `.env` holds besides settings (credentials, ORIGIN) into the environment; what is set
 * already wins. Settings are left out: the configuration reads them itself and tells their source.
 */
function applyDotEnv(env: NodeJS.ProcessEnv): void {
	const settings = new Set(SETTING_NAMES.map((name) => SETTINGS[name].env));
	for (const [name, value] of Object.entries(readDotEnv())) {
		if (!settings.has(name)) env[name] ??= value;
	}
}

/** Environment, `.env` and configuration file together; a bad setting is a `StartError`. */
export function loadConfigOrStop(env: NodeJS.ProcessEnv = process.env): Config {
	applyDotEnv(env);
	const config = loadProcessConfig(env);
	if (config.ok) return config.value;
	throw new StartError(
		formatConfigProblems(config.error),
		'Correct it and start again; .env.example lists all settings.'
	);
}

/**
 * The protocol: adapter-node assumes https, so that every same-origin form would be refused. Unless
 * a proxy is declared (ORIGIN or PROTOCOL_HEADER), we tell it http through a header of our own.
 */
export function readEnvironment(env: NodeJS.ProcessEnv = process.env): ServerEnvironment {
	const { host, port } = loadConfigOrStop(env);
	env.NODE_ENV ??= 'production';
	// A prompt may be 1 MiB of text, and its JSON up to four times as long.
	env.BODY_SIZE_LIMIT ??= '5M';
	let protocolHeader: string | null = null;
	if (!env.ORIGIN && !env.PROTOCOL_HEADER) {
		protocolHeader = 'x-agent-manager-protocol';
		env.PROTOCOL_HEADER = protocolHeader;
	}
	return { host, port, protocolHeader };
}
