import { describe, expect, it } from 'vitest';
import type { Session } from '@agent-manager/protocol/session.ts';
import { initialSessionState, type SessionState } from './session-state.ts';
import { endWait, isAtRest, waitOver, wakeText, type Waited } from './session-wait.ts';
import { evolve } from './session-machine.ts';
import type { ManagerEvent } from './session-decisions.ts';

const waiter = { id: 'own' as Session['id'], permissionMode: 'full' as const };
const session = (over: Partial<Waited> = {}): Waited => ({
	id: 'a' as Session['id'],
	title: 'A',
	status: 'waiting',
	waitingFor: 'input',
	queued: [],
	commitCount: 0,
	pending: [],
	startedBy: waiter.id,
	...over
});
const queued = [{ commandId: 'c', from: 'orchestrator' as const, seq: 1, handedOver: false }];
const asks = (toolName: string, kind: 'question' | 'approval' = 'approval'): Waited['pending'] => [
	{ requestId: 'r', kind, seq: 1, toolName, title: null }
];
const running = session({ status: 'running', waitingFor: null });

describe('a session is at rest for who waits', () => {
	it.each([
		['at rest', session(), true],
		['with a message that it has not begun', session({ queued }), false],
		['at work', running, false],
		['starting', session({ status: 'starting', waitingFor: null }), false],
		[
			'asking, with a message in its queue',
			session({ waitingFor: 'answer', queued, pending: asks('AskUserQuestion', 'question') }),
			true
		],
		['asking for a file edit', session({ waitingFor: 'approval', pending: asks('Edit') }), true],
		[
			'asking for a command, which is the person’s to allow',
			session({ waitingFor: 'approval', pending: asks('Bash') }),
			false
		],
		[
			'asking, and started by somebody else',
			session({
				...{ waitingFor: 'answer', startedBy: null },
				pending: asks('AskUserQuestion', 'question')
			}),
			false
		],
		['at the model’s limit', session({ waitingFor: 'limit' }), true],
		['failed', session({ status: 'error', waitingFor: null }), true],
		['stopped', session({ status: 'stopped', waitingFor: null }), true],
		['gone', null, true]
	])('%s: %s', (_name, it, rests) => expect(isAtRest(it, waiter)).toBe(rests));
});

describe('a wait', () => {
	const now = new Date('2026-11-26T10:00:00Z');
	const deadline = '2026-11-26T10:00:01Z';
	const find = (id: string): Waited | null => (id === 'rest' ? session() : running);
	it.each([
		['all, one at work', 'all', ['rest', 'work'], deadline, null],
		['any, one at rest', 'any', ['rest', 'work'], deadline, 'fulfilled'],
		['all at rest', 'all', ['rest'], deadline, 'fulfilled'],
		['due', 'all', ['work'], now.toISOString(), 'due'],
		['fulfilled and due', 'all', ['rest'], now.toISOString(), 'fulfilled']
	] as const)('%s', (_name, mode, sessionIds, until, over) => {
		expect(
			waitOver({ mode, sessionIds: [...sessionIds], deadline: until }, find, waiter, now)
		).toBe(over);
	});

	it('says how each session stands', () => {
		const sessions: Record<string, Waited> = {
			x: session({
				...{ waitingFor: 'answer', commitCount: 1 },
				pending: asks('AskUserQuestion', 'question')
			}),
			z: session({ waitingFor: 'approval', pending: asks('Bash') })
		};
		const find = (id: string): Waited | null => sessions[id] ?? null;
		const text = wakeText({ sessionIds: ['x', 'y', 'z'] }, find, waiter, 'due');
		expect(text.split('\n').slice(1)).toEqual([
			'- x “A”: waiting for answer, 1 commit, asks something',
			'- y: is gone',
			'- z “A”: waiting for approval, 0 commits, asks the person something'
		]);
	});
});

describe('ending a wait', () => {
	const wait = {
		waitId: 'w',
		mode: 'all' as const,
		sessionIds: ['a'],
		deadline: '2026-11-26T10:00:00.000Z'
	};
	const waiting: SessionState = {
		...initialSessionState(),
		status: 'waiting',
		waitingFor: 'input',
		runnerUp: true,
		wait
	};
	const fold = (state: SessionState, events: readonly ManagerEvent[]): SessionState =>
		events.reduce(
			(before, event, index) =>
				evolve(before, { seq: index + 1, ts: wait.deadline, source: 'manager', ...event }),
			state
		);
	const end = { waitId: 'w', reason: 'fulfilled' as const, text: 'over' };

	it('is one message, and none the second time', () => {
		const first = endWait(waiting, end);
		expect(first.events.map(({ type }) => type)).toEqual([
			'wait.ended',
			'message.accepted',
			'message.handed_over'
		]);
		expect(first.runnerCommands).toEqual([{ type: 'message', commandId: 'w', text: 'over' }]);
		const after = fold(waiting, first.events);
		expect(after.wait).toBeNull();
		expect(endWait(after, end)).toEqual({ events: [], runnerCommands: [] });
	});

	it('wakes one that sleeps', () => {
		const types = endWait({ ...waiting, asleep: true, runnerUp: false }, end).events.map(
			({ type }) => type
		);
		expect(types).toEqual(['wait.ended', 'message.accepted', 'session.start_requested']);
	});

	it('leaves it for later while nobody is there to be woken', () => {
		const stopped: SessionState = { ...waiting, status: 'stopped', waitingFor: null };
		expect(endWait(stopped, end).events).toEqual([]);
	});

	it('does nothing for a wait that another has taken the place of', () => {
		const next = fold(waiting, [{ type: 'wait.registered', payload: { ...wait, waitId: 'w2' } }]);
		expect(endWait(next, end).events).toEqual([]);
		expect(
			fold(next, [{ type: 'wait.ended', payload: { waitId: 'w', reason: 'due' } }]).wait
		).toEqual(next.wait);
	});
});
