import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'dotenv';
import { describe, expect, it } from 'vitest';
import { describeConfig, loadConfig, type LoadConfigOptions } from './config.ts';
import { SETTING_NAMES, SETTINGS, type SettingName } from './config-table.ts';
import { findProjectRoot } from './project-root.ts';

const HOME = '/home/me';

function load(
	env: Record<string, string>,
	file: unknown = {},
	dotEnv: Record<string, string> = {}
): ReturnType<typeof loadConfig> {
	const options: LoadConfigOptions = {
		env,
		dotEnv,
		homeDirectory: HOME,
		readFile: (path) => {
			expect(path).toBe('/home/me/.agent-manager/config.json');
			return typeof file === 'string' ? file : JSON.stringify(file);
		}
	};
	return loadConfig(options);
}

function value(name: SettingName, env: Record<string, string>, file: unknown = {}): unknown {
	const result = load(env, file);
	if (!result.ok) throw new Error(result.error.map(({ message }) => message).join());
	return result.value[name];
}

const messages = (result: ReturnType<typeof loadConfig>): string[] =>
	result.ok ? [] : result.error.map(({ message }) => message);

describe('defaults', () => {
	it('are what the documentation says', () => {
		const result = load({});
		expect(result).toMatchObject({
			ok: true,
			value: {
				databaseUrl: null,
				host: '127.0.0.1',
				port: 3000,
				workspaceRoot: '/home/me/.agent-manager',
				containerImage: 'agent-manager-sandbox:latest',
				idleTimeoutSeconds: 30,
				sleepAfterSeconds: 1800,
				sandboxDriver: 'auto',
				allowGitHosts: [],
				modelUpstream: 'auto',
				auth: 'token'
			}
		});
		expect(result.ok && new Set(Object.values(result.value.sources))).toEqual(new Set(['default']));
	});

	it('hold without a file', () => {
		const result = loadConfig({ env: {}, homeDirectory: HOME, readFile: () => null });
		expect(result).toMatchObject({ ok: true, value: { port: 3000 } });
	});
});

describe('precedence', () => {
	it.each([
		['environment', { PORT: '1' }, { PORT: '2' }, { port: 3 }, 1],
		['.env', {}, { PORT: '2' }, { port: 3 }, 2],
		['.env', { PORT: '' }, { PORT: '2' }, { port: 3 }, 2],
		['file', {}, { PORT: '' }, { port: 3 }, 3],
		['default', {}, {}, {}, 3000]
	])('%s wins', (source, env, dotEnv, file, port) => {
		const result = load(env as Record<string, string>, file, dotEnv as Record<string, string>);
		expect(result).toMatchObject({ ok: true, value: { port, sources: { port: source } } });
	});
});

describe('values', () => {
	const good: [name: SettingName, raw: string, read: unknown][] = [
		['port', '0', 0],
		['port', ' 65535', 65_535],
		['host', '::1', '::1'],
		['host', '[::1]', '::1'],
		['host', 'Box.local', 'box.local'],
		['workspaceRoot', '~/agents', '/home/me/agents'],
		['workspaceRoot', '~', '/home/me'],
		['workspaceRoot', '/srv/x/../agents/', '/srv/agents'],
		[
			'containerImage',
			'registry.example:5000/team/image:v1.2',
			'registry.example:5000/team/image:v1.2'
		],
		['databaseUrl', 'postgres://u:p@h:5432/d', 'postgres://u:p@h:5432/d'],
		['databaseUrl', 'postgresql://u@/d?host=/run/pg', 'postgresql://u@/d?host=/run/pg'],
		[
			'allowGitHosts',
			'Git.Local, 127.0.0.1:8080,[::1]:3,',
			['git.local', '127.0.0.1:8080', '[::1]:3']
		],
		['allowedOrigins', 'https://a.example,http://b:8080', ['https://a.example', 'http://b:8080']],
		['sandboxCpus', '1.5', 1.5],
		['sleepAfterSeconds', '0', 0],
		['auth', 'none', 'none']
	];
	it.each(good)('%s takes %j', (name, raw, read) => {
		expect(value(name, { [SETTINGS[name].env]: raw })).toEqual(read);
		expect(value(name, {}, { [name]: raw })).toEqual(read);
	});

	it('takes JSON values from the file', () => {
		expect(value('port', {}, { port: 8080 })).toBe(8080);
		expect(value('allowGitHosts', {}, { allowGitHosts: ['a', 'b:1'] })).toEqual(['a', 'b:1']);
		expect(value('databaseUrl', {}, { databaseUrl: null })).toBeNull();
	});

	const bad: [name: SettingName, raw: unknown][] = [
		['port', '65536'],
		['port', '-1'],
		['port', '3000.5'],
		['port', '0x10'],
		['port', 'http'],
		['port', null],
		['port', true],
		['host', 'a b'],
		['host', '127.0.0.300'],
		['host', 'http://x'],
		['host', 'x:3000'],
		['workspaceRoot', 'relative'],
		['workspaceRoot', '~other/x'],
		['workspaceRoot', '/'],
		['containerImage', 'Not An Image'],
		['containerImage', '--privileged'],
		['databaseUrl', 'mysql://h/d'],
		['databaseUrl', 'postgres://h'],
		['databaseUrl', 'h/d'],
		['idleTimeoutSeconds', '0'],
		['sandboxDriver', 'podman'],
		['modelUpstream', 'Demo'],
		['allowGitHosts', 'https://x'],
		['allowGitHosts', 'a b'],
		['allowGitHosts', 'x:99999'],
		['allowGitHosts', [1]],
		['allowedOrigins', 'a.example'],
		['allowedOrigins', 'https://a.example/path'],
		['allowedOrigins', '*'],
		['auth', 'off'],
		['logLevel', 'verbose']
	];
	it.each(bad)('%s refuses %j, with key, value and what is allowed', (name, raw) => {
		const result = load({}, { [name]: raw });
		expect(messages(result)).toHaveLength(1);
		expect(messages(result)[0]).toMatch(new RegExp(`^${name} in .* is .*\\. It must be `));
		if (typeof raw !== 'string') return;
		const variable = SETTINGS[name].env;
		expect(messages(load({ [variable]: raw }))[0]).toMatch(
			new RegExp(`^${variable} is .*\\. It must be `)
		);
	});

	it('names every problem at once', () => {
		expect(messages(load({ PORT: 'x', AUTH: 'y' }, { prot: 1 }))).toHaveLength(3);
	});

	it('never shows the password of a bad database URL', () => {
		expect(messages(load({ DATABASE_URL: 'mysql://u:hunter2@h/d' }))[0]).not.toContain('hunter2');
	});
});

describe('the file', () => {
	it.each([
		['prot', 'port'],
		['database_url', 'databaseUrl'],
		['WORKSPACE_ROOT', 'workspaceRoot'],
		['containerimage', 'containerImage'],
		['allowGitHost', 'allowGitHosts']
	])('%s is unknown; %s is named', (key, near) => {
		expect(messages(load({}, { [key]: 1 }))[0]).toContain(`The nearest one is "${near}"`);
	});

	it.each(['{', '[]', 'null', '3', '{"port":3000,}'])('%s is refused', (content) => {
		expect(messages(load({}, content))).toHaveLength(1);
	});

	it('may be empty or begin with a byte order mark', () => {
		expect(load({}, ' \n').ok).toBe(true);
		expect(value('port', {}, '\uFEFF{"port":1}')).toBe(1);
	});

	it('that cannot be read stops the start', () => {
		const result = loadConfig({
			env: {},
			homeDirectory: HOME,
			readFile: () => {
				throw new Error('EACCES: permission denied');
			}
		});
		expect(messages(result)[0]).toContain('EACCES');
	});

	it('knows no inherited keys', () => {
		expect(messages(load({}, '{"__proto__":{"port":1},"constructor":1}'))).toHaveLength(2);
	});
});

describe('AUTH=none', () => {
	it.each([
		['127.0.0.1', true],
		['127.8.8.8', true],
		['localhost', true],
		['::1', true],
		['0.0.0.0', false],
		['::', false],
		['192.168.1.5', false],
		['localhost.example', false]
	])('with HOST=%s: %s', (host, allowed) => {
		expect(load({ AUTH: 'none', HOST: host }).ok).toBe(allowed);
	});
});

describe('describeConfig', () => {
	it('shows every setting with its source, and no password', () => {
		const result = load({ DATABASE_URL: 'postgres://me:hunter2@db/app?password=hunter2' });
		if (!result.ok) throw new Error();
		const rows = describeConfig(result.value);
		expect(rows.map(({ name }) => name)).toEqual(SETTING_NAMES);
		expect(JSON.stringify(rows)).not.toContain('hunter2');
		expect(rows[0]).toEqual({
			name: 'databaseUrl',
			env: 'DATABASE_URL',
			shown: 'postgres://me:***@db/app?password=***',
			source: 'environment'
		});
	});
});

describe('.env.example', () => {
	const content = readFileSync(join(findProjectRoot(), '.env.example'), 'utf8');

	it.each(SETTING_NAMES)('explains %s', (name) => {
		const { env, about } = SETTINGS[name];
		expect(content).toMatch(new RegExp(`^# ${env}=`, 'm'));
		expect(content).toContain(`# ${about}`);
	});

	it('sets nothing as it is', () => {
		expect(parse(content)).toEqual({});
	});
});
