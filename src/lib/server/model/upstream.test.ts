/** Which upstream serves: setting, environment and login in, description out. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ModelEnvironment } from './credentials.ts';
import { createUpstreamResolver, type UpstreamSetting } from './upstream.ts';

let home: string;
beforeEach(async () => {
	home = await mkdtemp(join(tmpdir(), 'upstream-home-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

test.each<[string, UpstreamSetting, ModelEnvironment, unknown, object]>([
	['nothing set, nothing found', 'auto', {}, null, { kind: 'demo', problem: null }],
	['nothing found, Anthropic wanted', 'anthropic', {}, null, { problem: { code: 'model_auth' } }],
	['a key, demo wanted', 'demo', { ANTHROPIC_API_KEY: 'k' }, null, { kind: 'demo' }],
	['a key', 'auto', { ANTHROPIC_API_KEY: 'k' }, null, { kind: 'anthropic', credential: 'api-key' }],
	[
		'key before bearer',
		'auto',
		{ ANTHROPIC_AUTH_TOKEN: 'b', ANTHROPIC_API_KEY: 'k' },
		null,
		{ credential: 'api-key' }
	],
	[
		'environment before login',
		'auto',
		{ CLAUDE_CODE_OAUTH_TOKEN: 't' },
		{ claudeAiOauth: { accessToken: 'x' } },
		{ credential: 'oauth-token' }
	],
	[
		'a key with a line break',
		'auto',
		{ ANTHROPIC_API_KEY: 'a\nb' },
		null,
		{ problem: { code: 'model_auth' } }
	],
	['a blank key', 'auto', { ANTHROPIC_API_KEY: ' ' }, null, { kind: 'demo' }],
	['a damaged login', 'auto', {}, '{', { problem: { code: 'model_auth' } }],
	['a file without a login', 'auto', {}, { mcpOAuth: {} }, { kind: 'demo' }],
	[
		'a custom server',
		'auto',
		{ ANTHROPIC_BASE_URL: 'http://localhost:1/x/' },
		null,
		{ kind: 'custom', baseUrl: 'http://localhost:1/x', credential: null }
	],
	[
		'a server with a password',
		'auto',
		{ ANTHROPIC_BASE_URL: 'http://u:p@localhost/' },
		null,
		{ problem: { code: 'model_unreachable' } }
	],
	[
		'not a URL',
		'auto',
		{ ANTHROPIC_BASE_URL: 'ftp://x' },
		null,
		{ problem: { code: 'model_unreachable' } }
	]
])('upstream: %s', async (_name, wanted, given, login, expected) => {
	if (login !== null) {
		await mkdir(join(home, '.claude'));
		const text = typeof login === 'string' ? login : JSON.stringify(login);
		await writeFile(join(home, '.claude', '.credentials.json'), text);
	}
	const resolver = createUpstreamResolver({
		setting: wanted,
		env: given,
		homeDirectory: home,
		now: Date.now,
		demo: async () => {}
	});
	expect(await resolver.describe()).toMatchObject(expected);
});
