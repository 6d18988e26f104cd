import { describe, expect, it } from 'vitest';
import { parseEnvironment } from './environment.ts';

const good = {
	AGENT_MANAGER_SESSION: 'A3B8A8E6-7A1F-4A3B-8C5E-3F8A8F0C1111',
	AGENT_MANAGER_EPOCH: '3',
	AGENT_MANAGER_TOKEN: 'very-secret',
	AGENT_MANAGER_DOOR: '/s/door/door.sock',
	AGENT_MANAGER_SESSION_FOLDER: '/s',
	AGENT_MANAGER_WORKTREE: '/w',
	AGENT_MANAGER_CLAUDE: '/opt/claude',
	PATH: '/bin',
	ANTHROPIC_API_KEY: 'not for the agent'
};

describe('environment', () => {
	it('is parsed, and passes on only what is on its list', () => {
		const env = parseEnvironment(good);
		expect(env).toMatchObject({
			sessionId: 'a3b8a8e6-7a1f-4a3b-8c5e-3f8a8f0c1111',
			epoch: 3,
			door: { folder: '/s/door', socketPath: '/s/door/door.sock' },
			claudePath: '/opt/claude',
			relayPort: 0,
			gitIdentity: null
		});
		expect(env.inherited).toEqual({ PATH: '/bin' });
	});

	it('takes an identity for git', () => {
		const env = parseEnvironment({
			...good,
			AGENT_MANAGER_GIT_NAME: 'Agent',
			AGENT_MANAGER_GIT_EMAIL: 'agent@example.com'
		});
		expect(env.gitIdentity).toEqual({ name: 'Agent', email: 'agent@example.com' });
	});

	it.each([
		['AGENT_MANAGER_SESSION', 'no-uuid'],
		['AGENT_MANAGER_EPOCH', '0'],
		['AGENT_MANAGER_DOOR', 'door.sock'],
		['AGENT_MANAGER_DOOR', 'https://host:1'],
		['AGENT_MANAGER_SESSION_FOLDER', 'relative'],
		['AGENT_MANAGER_TOKEN', undefined]
	])('names a bad %s, and never the token', (name, value) => {
		const parse = (): unknown => parseEnvironment({ ...good, [name]: value });
		expect(parse).toThrow(name);
		expect(parse).not.toThrow('very-secret');
	});

	it('finds the installed program when none is named', () => {
		const { claudePath } = parseEnvironment({ ...good, AGENT_MANAGER_CLAUDE: undefined });
		expect(claudePath).toMatch(/claude-agent-sdk-linux-\w+(-musl)?\/claude$/);
	});
});
