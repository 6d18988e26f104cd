import { describe, expect, it } from 'vitest';
import { defaultMaxRunning, planRuns, runPhaseOf, type Runnable } from './run-queue.ts';
import { freshSteps, initialSessionState, type SessionState } from './session-state.ts';

const begun = freshSteps().map((step, index) =>
	index === 0 ? { ...step, status: 'running' as const } : step
);

describe('what counts as running', () => {
	const cases: [string, Partial<SessionState>, string][] = [
		['a start that has not begun', {}, 'waiting'],
		['a start that has', { steps: begun }, 'running'],
		['a start that was called off in line', { desired: 'stopped', ending: 'stop' }, 'none'],
		[
			'a start that is being broken off',
			{ desired: 'stopped', ending: 'stop', steps: begun },
			'running'
		],
		['a turn', { status: 'running', openTurn: 'm' }, 'running'],
		['a turn whose commits come in', { status: 'running', settling: true }, 'running'],
		[
			'one that waits for an approval',
			{ status: 'waiting', waitingFor: 'approval', openTurn: 'm' },
			'running'
		],
		['one that rests', { status: 'waiting', waitingFor: 'input' }, 'none'],
		[
			'one that waits for a limit between turns',
			{ status: 'waiting', waitingFor: 'limit' },
			'none'
		],
		['one asleep', { status: 'waiting', waitingFor: 'input', asleep: true, openTurn: 'm' }, 'none'],
		['stopped', { status: 'stopped' }, 'none'],
		['in error', { status: 'error', steps: begun }, 'none']
	];
	it.each(cases)('%s', (_name, over, expected) => {
		expect(runPhaseOf({ ...initialSessionState(), ...over })).toBe(expected);
	});
});

describe('who goes in', () => {
	const waits = (id: string, askedAtMs: number, admitted = false): Runnable => ({
		id,
		phase: 'waiting',
		askedAtMs,
		admitted
	});
	const runs = (id: string): Runnable => ({ id, phase: 'running', askedAtMs: 0, admitted: false });
	const line = [waits('c', 3), waits('a', 1), waits('b', 2)];
	const cases: [string, Runnable[], number, string[], string[]][] = [
		['all, without a limit', line, 0, ['a', 'b', 'c'], []],
		['as many as there are places, the first first', line, 2, ['a', 'b'], ['c']],
		['none while all places are taken', [runs('x'), runs('y'), ...line], 2, [], ['a', 'b', 'c']],
		[
			'none of those over a limit that was lowered',
			[runs('x'), runs('y'), runs('z'), ...line],
			2,
			[],
			['a', 'b', 'c']
		],
		[
			'not those who were let in already, who hold a place',
			[waits('a', 1, true), waits('b', 2)],
			1,
			[],
			['b']
		],
		[
			'by their ids when they came in the same moment',
			[waits('b', 1), waits('a', 1)],
			1,
			['a'],
			['b']
		]
	];
	it.each(cases)('%s', (_name, sessions, max, admit, rest) => {
		expect(planRuns(sessions, max)).toEqual({ admit, line: rest });
	});
});

it.each([
	[2, 16, 8],
	[8, 16, 21],
	[64, 512, 256],
	[1, 1, 2]
])('a machine of %i processors and %i GiB carries %i', (cpus, gib, expected) => {
	expect(defaultMaxRunning(cpus, gib * 1_073_741_824)).toBe(expected);
});
