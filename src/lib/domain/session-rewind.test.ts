import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { wireError } from './errors.ts';
import { decide, type SessionCommand } from './session-decisions.ts';
import { evolve } from './session-machine.ts';
import { isSetAside, undoableRewind } from './session-rewind.ts';
import { initialSessionState, type SessionState } from './session-state.ts';

const COMMIT = 'a'.repeat(40);
const idle: SessionState = {
	...initialSessionState(),
	...{ status: 'waiting', waitingFor: 'input', epoch: 1, runnerUp: true, turns: 3 }
};
const rewind: SessionCommand = {
	type: 'rewind',
	...{ commandId: 'r1', atSeq: 40, checkpoint: COMMIT }
};
const undo: SessionCommand = { type: 'undo_rewind', commandId: 'u1' };
const say: SessionCommand = { type: 'message', commandId: 'm', text: 'Go on', from: 'person' };

const outcome = (state: SessionState, command: SessionCommand): string | string[] => {
	const decision = decide(state, command);
	return decision.ok ? decision.value.events.map(({ type }) => type) : decision.error.code;
};

let seq = 100;
const fold = (
	state: SessionState,
	source: SessionEvent['source'],
	type: string,
	payload: SessionEvent['payload']
): SessionState =>
	evolve(state, { ...{ seq: seq++, ts: '2026-01-02T03:04:05.000Z', source, type, payload } });
const asked = (state: SessionState, command: SessionCommand): SessionState => {
	const decision = decide(state, command);
	if (!decision.ok) throw new Error(decision.error.message);
	return decision.value.events.reduce(
		(now, { type, payload }) => fold(now, 'manager', type, payload as SessionEvent['payload']),
		state
	);
};
const ended = (state: SessionState, commandId: string, error: object | null): SessionState =>
	fold(state, 'manager', 'git.ended', {
		...{ commandId, error, baseCommit: null, pushedCommit: null }
	} as SessionEvent['payload']);
const rewound = (state: SessionState, commandId: string, atSeq: number, id: string) =>
	fold(state, 'manager', 'session.rewound', {
		...{ commandId, atSeq, conversationId: id, messageIds: [`before-${atSeq}`], filesChanged: 1 }
	});

describe('whether a session may be rewound', () => {
	it.each<[string, SessionState, string | string[]]>([
		['an idle one, whose agent ends', idle, ['git.requested', 'session.slept']],
		['one asleep', { ...idle, asleep: true }, ['git.requested']],
		['a stopped one', { ...idle, status: 'stopped', waitingFor: null }, ['git.requested']],
		['one in error', { ...idle, status: 'error', waitingFor: null }, ['git.requested']],
		['one in a turn', { ...idle, status: 'running', openTurn: 't' }, 'session_busy'],
		['one whose commits come in', { ...idle, settling: true }, 'session_busy'],
		['one that starts', { ...idle, status: 'starting' }, 'session_busy'],
		['one that ends', { ...idle, ending: 'stop' }, 'session_busy'],
		['one that is purged', { ...idle, ending: 'purge' }, 'session_purged'],
		[
			'one with a queue',
			{ ...idle, queued: [{ commandId: 'm', from: 'person', seq: 1, handedOver: false }] },
			'session_busy'
		],
		['a prompt that is set aside', { ...idle, setAside: [{ from: 30, to: 50 }] }, 'nothing_to_do'],
		[
			'one behind what is set aside',
			{ ...idle, setAside: [{ from: 30, to: 40 }] },
			[...['git.requested', 'session.slept']]
		]
	])('%s', (_name, state, expected) => {
		expect(outcome(state, rewind)).toEqual(expected);
	});

	it('lets nothing begin while it is under way, and everything after it', () => {
		const under = asked(idle, rewind);
		expect(under).toMatchObject({ asleep: true, gitAction: { status: 'running' } });
		for (const command of [say, rewind, { type: 'resume' } as const]) {
			expect(outcome(under, command)).toBe('session_busy');
		}
		const failed = ended(under, 'r1', wireError('git_failed', 'No'));
		expect(failed.setAside).toEqual([]);
		expect(failed.conversation).toBeNull();
		expect(outcome(failed, say)).toEqual(['message.accepted', 'session.start_requested']);
	});
});

describe('a rewound session', () => {
	const once = ended(rewound(asked(idle, rewind), 'r1', 40, 'second'), 'r1', null);

	it('goes on in another conversation, with what came between set aside', () => {
		expect(once.conversation).toEqual({ id: 'second', messageIds: ['before-40'] });
		expect([39, 40, 90].map((at) => isSetAside(once.setAside, at))).toEqual([false, true, true]);
		expect(undoableRewind(once)).toEqual({ commandId: 'r1', atSeq: 40, filesChanged: 1 });
	});

	it('is as before when that is undone, also after another one', () => {
		const under = asked(once, undo);
		expect(under.gitAction?.request).toEqual({ kind: 'undo_rewind', rewind: 'r1' });
		const payload = { commandId: 'u1', rewind: 'r1', filesChanged: 1 };
		const back = fold(under, 'manager', 'session.rewind_undone', payload);
		expect(back).toMatchObject({ conversation: null, setAside: [], rewound: null });
		expect(fold(back, 'manager', 'session.rewind_undone', payload)).toEqual(back);

		const twice = rewound(once, 'r2', 20, 'third');
		expect(twice.setAside).toHaveLength(2);
		const first = fold(twice, 'manager', 'session.rewind_undone', { ...payload, rewind: 'r2' });
		expect(first.conversation).toEqual(once.conversation);
		expect(first.setAside).toEqual(once.setAside);
	});

	it('can’t be taken back once a turn has begun', () => {
		const awake = { ...once, asleep: false };
		const turned = fold(awake, 'runner', 'runner.turn_started', { commandId: 'm' });
		expect(undoableRewind(turned)).toBeNull();
		expect(outcome({ ...turned, openTurn: null, status: 'waiting' }, undo)).toBe('nothing_to_do');
		expect(outcome(idle, undo)).toBe('nothing_to_do');
	});
});
