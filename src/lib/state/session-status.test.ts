import { describe, expect, it } from 'vitest';
import {
	activityText,
	isLive,
	isOpen,
	messageRefusal,
	statusText,
	waitingText
} from './session-status.ts';

it.each([
	['starting', null, 'starting', true, true, false],
	['running', null, 'running', true, true, false],
	['waiting', 'input', 'waiting for input', true, true, false],
	['waiting', 'approval', 'waiting for approval', true, true, false],
	['waiting', 'answer', 'waiting for an answer', true, true, false],
	['finished', null, 'finished', false, false, true],
	['stopped', null, 'stopped', false, false, true],
	['error', null, 'error', false, true, true]
] as const)('%s %s: %s', (status, waitingFor, text, live, open, refuses) => {
	const session = { status, waitingFor, ending: null, unresponsive: null };
	expect(statusText(session)).toBe(text);
	const unresponsive = { since: '2026-11-23T08:00:00.000Z', silence: 'paused' } as const;
	expect(statusText({ ...session, unresponsive })).toBe(`${text}, unresponsive`);
	expect(isLive({ status })).toBe(live);
	expect(isOpen({ status })).toBe(open);
	expect(messageRefusal(session) !== null).toBe(refuses);
});

it.each([
	['running', null, 'finish', 'running, finishing after this turn'],
	['waiting', 'approval', 'finish', 'waiting for approval, finishing after this turn'],
	['waiting', 'input', 'finish', 'waiting for input, finishing'],
	['running', null, 'stop', 'running, stopping'],
	['stopped', null, 'purge', 'stopped, purging']
] as const)('%s %s with %s on its way: %s', (status, waitingFor, ending, text) => {
	expect(statusText({ status, waitingFor, ending, unresponsive: null })).toBe(text);
	expect(messageRefusal({ status, waitingFor, ending })).not.toBeNull();
});

it.each([
	[null, ''],
	[{ kind: 'tool', name: 'Bash' }, 'Bash'],
	[{ kind: 'tool', name: `mcp__${'x'.repeat(99)}` }, /^mcp__x{20,40}…$/],
	[{ kind: 'model' }, 'model at work'],
	[{ kind: 'retry', attempt: 2, maxRetries: 10 }, 'retry 2 of 10'],
	[{ kind: 'retry', attempt: 2, maxRetries: null }, 'retry 2'],
	[{ kind: 'retry', attempt: null, maxRetries: 10 }, 'retry'],
	[{ kind: 'compacting' }, 'summarising'],
	[{ kind: 'settling' }, 'collecting commits']
] as const)('%j is said as %s', (activity, words) => {
	const said = activityText(activity);
	if (typeof words === 'string') expect(said).toBe(words);
	else expect(said).toMatch(words);
});

describe('what a session waits for', () => {
	const asks = (kind: 'approval' | 'question' | 'plan', toolName: string) =>
		({ requestId: toolName, kind, toolName, seq: 1, title: null }) as const;
	it.each([
		['approval', [asks('approval', 'Bash')], 'for approval of Bash'],
		['approval', [asks('approval', 'Bash'), asks('plan', 'x')], 'for approval of Bash, 1 more'],
		['approval', [asks('approval', `mcp__${'x'.repeat(500)}`)], /^for approval of mcp__x{20,40}…$/],
		['answer', [asks('question', 'AskUserQuestion')], 'for an answer'],
		['plan', [asks('plan', 'ExitPlanMode')], 'for plan review']
	] as const)('%s %j', (waitingFor, pending, words) => {
		const said = waitingText({ status: 'waiting', waitingFor, pending: [...pending] });
		if (typeof words === 'string') expect(said).toBe(words);
		else expect(said).toMatch(words);
	});

	it('says until when a limit holds, where that is known', () => {
		const limit = (details: Record<string, unknown>) =>
			waitingText({
				...{ status: 'waiting', waitingFor: 'limit' },
				error: { code: 'model_limit', message: 'too much', details }
			});
		const resetsAt = new Date();
		resetsAt.setHours(14, 30, 0, 0);
		const clock = resetsAt.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
		expect(limit({ resetsAt: resetsAt.toISOString() })).toBe(
			`for the model’s limit until ${clock}`
		);
		expect(limit({ resetsAt: null })).toBe('for the model’s limit');
	});
});
