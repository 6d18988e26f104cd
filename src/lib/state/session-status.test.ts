import { expect, it } from 'vitest';
import { isLive, isOpen, messageRefusal, statusText } from './session-status.ts';

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
