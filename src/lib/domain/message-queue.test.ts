import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { QueuedMessage } from '@agent-manager/protocol/session.ts';
import { dueMessage, handOver } from './message-queue.ts';
import { decide, type Decision, type SessionCommand } from './session-decisions.ts';
import { evolve } from './session-machine.ts';
import { initialSessionState, restoreState, type SessionState } from './session-state.ts';

const queued = (commandId: string, handedOver = false): QueuedMessage => ({
	commandId,
	from: 'person',
	seq: Number(commandId.slice(1)),
	handedOver
});
const stateWith = (over: Partial<SessionState>): SessionState => ({
	...initialSessionState(),
	...over
});
const two = { queued: [queued('m1'), queued('m2')] };
const idle = stateWith({ status: 'running', runnerUp: true, ...two });
const inTurn = stateWith({ ...idle, openTurn: 'm0' });
const finishing = stateWith({ ...inTurn, desired: 'finished', ending: 'finish' });

const say: SessionCommand = { type: 'message', commandId: 'm3', text: 'third', from: 'person' };
const edit = (messageId: string): SessionCommand => ({ type: 'edit', messageId, text: 'other' });
const remove = (messageId: string): SessionCommand => ({
	type: 'remove',
	commandId: 'r1',
	messageId
});

const words = ({ events, runnerCommands }: Decision): string[] => [
	...events.map(({ type }) => type),
	...runnerCommands.map(({ type }) => `> ${type}`)
];
const outcome = (state: SessionState, command: SessionCommand): string | string[] => {
	const decision = decide(state, command);
	return decision.ok ? words(decision.value) : decision.error.code;
};
/** The state after a decision; its events get the numbers from 10 on. */
const after = (state: SessionState, { events }: Decision): SessionState =>
	events.reduce<SessionState>(
		(folded, { type, payload }, index) =>
			evolve(folded, {
				seq: 10 + index,
				ts: '2026-01-02T03:04:05.000Z',
				source: 'manager',
				type,
				payload
			} as SessionEvent),
		state
	);
const decided = (state: SessionState, command: SessionCommand): Decision => {
	const decision = decide(state, command);
	if (!decision.ok) throw new Error(decision.error.message);
	return decision.value;
};

describe('a message is due', () => {
	const cases: [string, SessionState, string | null][] = [
		['the first, when the agent is idle', idle, 'm1'],
		['none while a turn is open', inTurn, null],
		['none before there is a runner', stateWith({ ...two }), null],
		[
			'none while another is on its way',
			stateWith({ ...idle, queued: [queued('m1', true), queued('m2')] }),
			null
		],
		['none while it falls asleep', stateWith({ ...idle, desired: 'asleep', asleep: true }), null],
		['none while it stops', stateWith({ ...idle, desired: 'stopped', ending: 'stop' }), null],
		['the first, before a finish', stateWith({ ...finishing, openTurn: null }), 'm1'],
		['none when there is none', stateWith({ ...idle, queued: [] }), null]
	];
	it.each(cases)('%s', (_name, state, expected) => {
		expect(dueMessage(state)?.commandId ?? null).toBe(expected);
	});
});

describe('handing over', () => {
	it('gives the message to the runner, and no second one before that has begun', () => {
		const decision = handOver(idle, queued('m1'), 'first', 'f1');
		expect(decision).toEqual({
			events: [
				{ type: 'message.handed_over', payload: { commandId: 'm1', text: 'first', from: 'person' } }
			],
			runnerCommands: [{ type: 'message', commandId: 'm1', text: 'first' }]
		});
		expect(dueMessage(after(idle, decision))).toBeNull();
	});

	it('does nothing with a text that is not the message’s any more', () => {
		const edited = after(idle, decided(idle, edit('m1')));
		expect(words(handOver(edited, queued('m1'), 'first', 'f1'))).toEqual([]);
		expect(dueMessage(edited)).toEqual({ ...queued('m1'), seq: 10 });
	});

	it('does nothing with one that is not the first', () => {
		expect(words(handOver(idle, queued('m2'), 'second', 'f1'))).toEqual([]);
	});

	it('tells a finish after the last', () => {
		const state = stateWith({ ...finishing, openTurn: null });
		expect(words(handOver(state, queued('m1'), 'first', 'f1'))).toEqual([
			'message.handed_over',
			'> message'
		]);
		const last = stateWith({ ...state, queued: [queued('m2')] });
		expect(words(handOver(last, queued('m2'), 'second', 'f1'))).toEqual([
			'message.handed_over',
			'> message',
			'> finish'
		]);
	});
});

describe('what is asked of the queue', () => {
	const sent = stateWith({ ...idle, queued: [queued('m1', true), queued('m2')] });
	const cases: [string, SessionState, SessionCommand, string | string[]][] = [
		['a message behind others', idle, say, ['message.accepted']],
		['a message in a turn', inTurn, say, ['message.accepted']],
		[
			'a message to an idle agent',
			stateWith({ ...idle, queued: [] }),
			say,
			['message.accepted', 'message.handed_over', '> message']
		],
		['edit', inTurn, edit('m2'), ['message.edited']],
		['edit what was handed over', sent, edit('m1'), 'message_not_queued'],
		['edit what nobody said', inTurn, edit('m9'), 'message_not_queued'],
		[
			'edit what waits for a resume',
			stateWith({ ...two, status: 'stopped' }),
			edit('m1'),
			['message.edited']
		],
		['remove', inTurn, remove('m1'), ['message.removed']],
		['remove what was handed over', sent, remove('m1'), 'message_not_queued'],
		[
			'finish with messages before it',
			inTurn,
			{ type: 'finish', commandId: 'f' },
			['session.finish_requested']
		],
		[
			'finish with none before it',
			stateWith({ ...inTurn, queued: [] }),
			{ type: 'finish', commandId: 'f' },
			['session.finish_requested', '> finish']
		],
		['remove one of two before a finish', finishing, remove('m1'), ['message.removed']],
		[
			'remove the last before a finish',
			stateWith({ ...finishing, queued: [queued('m2')] }),
			remove('m2'),
			['message.removed', '> finish']
		]
	];
	it.each(cases)('%s', (_name, state, command, expected) => {
		expect(outcome(state, command)).toEqual(expected);
	});

	it('steers into an open turn only; else the message is like any other', () => {
		const steer: SessionCommand = { ...say, steer: true } as SessionCommand;
		const steered = decided(inTurn, steer);
		expect(words(steered)).toEqual(['message.accepted', 'message.handed_over', '> message']);
		expect(steered.runnerCommands).toEqual([
			{ type: 'message', commandId: 'm3', text: 'third', steer: true }
		]);
		expect(after(inTurn, steered).queued.at(-1)).toMatchObject({ steer: true, handedOver: true });
		expect(decided(idle, steer).events).toEqual([
			{ type: 'message.accepted', payload: { commandId: 'm3', text: 'third', from: 'person' } }
		]);
		expect(outcome(stateWith({ ...inTurn, runnerUp: false }), steer)).toEqual(['message.accepted']);
	});

	it('hands nothing over while a steered message is on its way, and the first when it has arrived', () => {
		const steer: SessionCommand = { ...say, steer: true } as SessionCommand;
		const late = stateWith({ ...after(inTurn, decided(inTurn, steer)), openTurn: null });
		expect(dueMessage(late)).toBeNull();
		const arrived = evolve(late, {
			seq: 20,
			ts: '2026-01-02T03:04:05.000Z',
			source: 'runner',
			type: 'runner.message_steered',
			payload: { commandId: 'm3' }
		});
		expect(dueMessage(arrived)?.commandId).toBe('m1');
	});

	it('moves before another, or last; never before what is on its way', () => {
		const move = (messageId: string, before: string | null): SessionCommand => ({
			type: 'move',
			messageId,
			before
		});
		const three = stateWith({ ...inTurn, queued: [queued('m1'), queued('m2'), queued('m4')] });
		const order = (command: SessionCommand): string[] =>
			after(three, decided(three, command)).queued.map(({ commandId }) => commandId);
		expect(order(move('m4', 'm1'))).toEqual(['m4', 'm1', 'm2']);
		expect(order(move('m1', null))).toEqual(['m2', 'm4', 'm1']);
		expect(order(move('m1', 'm4'))).toEqual(['m2', 'm1', 'm4']);
		expect(order(move('m1', 'm1'))).toEqual(['m1', 'm2', 'm4']);
		expect(outcome(three, move('m1', 'm9'))).toBe('message_not_queued');
		expect(outcome(sent, move('m2', 'm1'))).toBe('message_not_queued');
		expect(outcome(sent, move('m1', null))).toBe('message_not_queued');
	});

	it('takes a hundred, and says that it is full', () => {
		const many = Array.from({ length: 100 }, (_, at) => queued(`m${at + 10}`));
		expect(outcome(stateWith({ ...inTurn, queued: many }), say)).toBe('queue_full');
		expect(outcome(stateWith({ ...inTurn, queued: many.slice(1) }), say)).toEqual([
			'message.accepted'
		]);
	});

	it('twice is refused: a removed message is gone', () => {
		const removed = after(inTurn, decided(inTurn, remove('m1')));
		expect(removed.queued).toEqual([queued('m2')]);
		expect(outcome(removed, remove('m1'))).toBe('message_not_queued');
		expect(outcome(removed, edit('m1'))).toBe('message_not_queued');
	});

	it('leaves an idle session at rest when nothing is left', () => {
		const last = stateWith({ status: 'starting', runnerUp: true, queued: [queued('m1')] });
		expect(after(last, decided(last, remove('m1')))).toMatchObject({
			status: 'waiting',
			waitingFor: 'input'
		});
		const noRunner = stateWith({ status: 'starting', queued: [queued('m1')] });
		expect(after(noRunner, decided(noRunner, remove('m1'))).status).toBe('starting');
	});
});

it('takes the messages of an older version for the runner’s: they were handed over at once', () => {
	const { queued: _queued, ...older } = initialSessionState();
	expect(restoreState({ ...older, queued: ['m1'] }).queued).toEqual([
		{ commandId: 'm1', from: 'person', seq: 0, handedOver: true }
	]);
});
