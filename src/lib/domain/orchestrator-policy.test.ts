import { describe, expect, it } from 'vitest';
import type { Session } from '@agent-manager/protocol/session.ts';
import { decisionRefusal } from './orchestrator-decisions.ts';
import { childPermissionMode, hasRights, startRefusal } from './orchestrator-policy.ts';
import type { Waited } from './session-wait.ts';

const own = { id: 'own' as Session['id'], permissionMode: 'full' as const };
const child = (status: Waited['status']): Waited => ({
	id: 'a' as Session['id'],
	title: 'A',
	status,
	waitingFor: status === 'waiting' ? 'input' : null,
	queued: [],
	commitCount: 0,
	pending: [],
	startedBy: own.id
});

describe('one more session', () => {
	const caps = { sessions: 3, running: 2 };
	it.each([
		['none yet', [], null],
		['one at work', ['running'], null],
		['two at work', ['running', 'starting'], 'orchestrator_limit'],
		['two, one at rest', ['running', 'waiting'], null],
		['three, all ended', ['stopped', 'error', 'finished'], 'orchestrator_limit']
	] as const)('%s', (_name, statuses, code) => {
		expect(startRefusal(own, statuses.map(child), caps)?.code ?? null).toBe(code);
	});
});

describe('deciding for a session', () => {
	it.each([
		['full', 'question', 'AskUserQuestion', 'allow', true],
		['ask', 'question', 'AskUserQuestion', 'allow', true],
		['full', 'plan', 'ExitPlanMode', 'allow', true],
		['ask', 'plan', 'ExitPlanMode', 'allow', false],
		['full', 'approval', 'Edit', 'allow', true],
		['ask', 'approval', 'Edit', 'allow', false],
		['full', 'approval', 'Bash', 'allow', false],
		['full', 'approval', 'WebFetch', 'allow', false],
		['full', 'approval', 'mcp__x__Edit', 'allow', false],
		['ask', 'approval', 'Bash', 'deny', true]
	] as const)('%s: %s of %s, %s → %s', (mode, kind, toolName, decision, may) => {
		expect(decisionRefusal(mode, { kind, toolName }, decision) === null).toBe(may);
	});

	it('gives no more on than it has', () => {
		expect(childPermissionMode('ask', 'full')).toBe('ask');
		expect(childPermissionMode('full', undefined)).toBe('full');
		expect(childPermissionMode('full', 'ask')).toBe('ask');
	});
});

describe('rights', () => {
	const live = { role: 'orchestrator', status: 'running', ending: null } as const;
	it.each([
		['live', live, 2, true],
		['of an earlier start', live, 1, false],
		['of an implementer', { ...live, role: 'implementer' as const }, 2, false],
		['stopped', { ...live, status: 'stopped' as const }, 2, false],
		['being stopped', { ...live, ending: 'stop' as const }, 2, false]
	])('%s', (_name, session, epoch, has) => {
		expect(hasRights(session, { epoch: 2 }, { epoch })).toBe(has);
	});
});
