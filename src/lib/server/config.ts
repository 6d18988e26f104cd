/**
 * The configuration: environment over `.env` over `~/.agent-manager/config.json` over defaults.
 * Nothing is read on import. Credentials are no part of it: they are read where they are used.
 */
import { join } from 'node:path';
import { isIP } from 'node:net';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { SETTING_NAMES, SETTINGS, type SettingName, type SettingValues } from './config-table.ts';
import type { ReadContext, ValueKind } from './config-values.ts';

export type ConfigSource = 'environment' | '.env' | 'file' | 'default';

export interface Config extends SettingValues {
	/** Where each value is from. */
	readonly sources: Readonly<Record<SettingName, ConfigSource>>;
	/** The file that was looked for, there or not. */
	readonly file: string;
}

export interface ConfigProblem {
	/** As it is called where it is: `PORT` or `port`. Null: the file as a whole. */
	key: string | null;
	source: ConfigSource;
	/** The sentence for a person: key, value, what is allowed. */
	message: string;
}

export interface LoadConfigOptions {
	env: Readonly<Record<string, string | undefined>>;
	/** What `.env` holds; `env` wins over it. */
	dotEnv?: Readonly<Record<string, string | undefined>>;
	homeDirectory: string;
	/** The text of a file, null when there is none. Other trouble throws. */
	readFile: (path: string) => string | null;
}

/** Every problem there is, not just the first. */
export function loadConfig(options: LoadConfigOptions): Result<Config, ConfigProblem[]> {
	const context: ReadContext = { homeDirectory: options.homeDirectory };
	const file = configFilePath(options.homeDirectory);
	const fromFile = readConfigFile(file, options.readFile);
	if (!fromFile.ok) return fail(fromFile.error);

	const problems = unknownKeys(Object.keys(fromFile.value), file);
	const values: Partial<Record<SettingName, unknown>> = {};
	const sources: Partial<Record<SettingName, ConfigSource>> = {};
	for (const name of SETTING_NAMES) {
		const found = findRaw(name, options, fromFile.value);
		sources[name] = found.source;
		const { kind, defaultValue } = SETTINGS[name];
		const value =
			found.source === 'default' ? defaultValue(context) : kind.read(found.raw, context);
		if (value === undefined) problems.push(badValue(name, found, kind, file));
		else values[name] = value;
	}
	if (problems.length > 0) return fail(problems);
	const config = { ...values, sources, file } as Config;
	const contradiction = findContradiction(config);
	return contradiction === null ? ok(config) : fail([contradiction]);
}

/** Always in the home folder, whatever the workspace is: it may say where the workspace is. */
const configFilePath = (homeDirectory: string): string =>
	join(homeDirectory, '.agent-manager', 'config.json');

/** Each setting with its shown value (no secrets) and source, in the order of the table. */
export const describeConfig = (
	config: Config
): { name: SettingName; env: string; shown: string; source: ConfigSource }[] =>
	SETTING_NAMES.map((name) => {
		const show = SETTINGS[name].show as ((value: unknown) => string) | undefined;
		const value: unknown = config[name];
		return {
			name,
			env: SETTINGS[name].env,
			shown: show?.(value) ?? (typeof value === 'string' ? value : JSON.stringify(value)),
			source: config.sources[name]
		};
	});

/** True when only this machine reaches the address. */
const isLoopbackHost = (host: string): boolean =>
	host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));

interface Found {
	raw: unknown;
	source: ConfigSource;
}

/** An empty variable counts as not set: that is how a shell or a compose file leaves one out. */
function findRaw(
	name: SettingName,
	{ env, dotEnv = {} }: LoadConfigOptions,
	file: Readonly<Record<string, unknown>>
): Found {
	const variable = SETTINGS[name].env;
	if (env[variable]) return { raw: env[variable], source: 'environment' };
	if (dotEnv[variable]) return { raw: dotEnv[variable], source: '.env' };
	if (Object.hasOwn(file, name)) return { raw: file[name], source: 'file' };
	return { raw: undefined, source: 'default' };
}

function badValue(
	name: SettingName,
	found: Found,
	kind: ValueKind<unknown>,
	file: string
): ConfigProblem {
	const key = found.source === 'file' ? name : SETTINGS[name].env;
	const where = { environment: '', '.env': ' in .env', file: ` in ${file}`, default: '' };
	const value = name === 'databaseUrl' ? '(not shown)' : shorten(JSON.stringify(found.raw));
	return {
		key,
		source: found.source,
		message: `${key}${where[found.source]} is ${value}. It must be ${kind.allowed}.`
	};
}

const shorten = (value: string): string => (value.length > 80 ? `${value.slice(0, 80)}…` : value);

function readConfigFile(
	path: string,
	readFile: LoadConfigOptions['readFile']
): Result<Record<string, unknown>, ConfigProblem[]> {
	const problem = (message: string): Result<never, ConfigProblem[]> =>
		fail([{ key: null, source: 'file', message }]);
	let content: string | null;
	try {
		content = readFile(path);
	} catch (error) {
		return problem(`${path} can’t be read: ${(error as Error).message}`);
	}
	if (content === null || content.trim() === '') return ok({});
	let parsed: unknown;
	try {
		parsed = JSON.parse(content.replace(/^\uFEFF/, ''));
	} catch (error) {
		return problem(`${path} is not JSON: ${(error as Error).message}`);
	}
	if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
		return problem(`${path} must hold one JSON object, such as { "port": 3000 }.`);
	}
	return ok(parsed as Record<string, unknown>);
}

function unknownKeys(keys: readonly string[], file: string): ConfigProblem[] {
	return keys
		.filter((key) => !Object.hasOwn(SETTINGS, key))
		.map((key) => ({
			key,
			source: 'file',
			message: `${shorten(JSON.stringify(key))} in ${file} is no setting. The nearest one is "${nearest(key)}".`
		}));
}

/** The setting whose name, or name in the environment, takes the fewest changes. */
function nearest(key: string): SettingName {
	const wanted = key.slice(0, 60).toLowerCase().replaceAll(/[_-]/g, '');
	const distance = (name: SettingName): number => editDistance(wanted, name.toLowerCase());
	return SETTING_NAMES.reduce((best, name) => (distance(name) < distance(best) ? name : best));
}

function editDistance(a: string, b: string): number {
	let row = Array.from({ length: b.length + 1 }, (_, index) => index);
	for (let i = 1; i <= a.length; i++) {
		const next = [i];
		for (let j = 1; j <= b.length; j++) {
			const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
			next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
		}
		row = next;
	}
	return row[b.length] ?? 0;
}

function findContradiction(config: Config): ConfigProblem | null {
	if (config.auth !== 'none' || isLoopbackHost(config.host)) return null;
	return {
		key: config.sources.auth === 'file' ? 'auth' : 'AUTH',
		source: config.sources.auth,
		message:
			`AUTH is "none" while HOST is "${config.host}". ` +
			'Without sign-in the app listens on loopback only: unset AUTH, or set HOST to 127.0.0.1.'
	};
}
