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
	expect(statusText({ status, waitingFor, unresponsive: null })).toBe(text);
	const unresponsive = { since: '2026-11-23T08:00:00.000Z', silence: 'paused' } as const;
	expect(statusText({ status, waitingFor, unresponsive })).toBe(`${text}, unresponsive`);
	expect(isLive({ status })).toBe(live);
	expect(isOpen({ status })).toBe(open);
	expect(messageRefusal({ status }) !== null).toBe(refuses);
});
