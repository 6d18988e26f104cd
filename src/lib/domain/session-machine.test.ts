import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { decide, type SessionCommand } from './session-decisions.ts';
import { evolve, isLive } from './session-machine.ts';
import {
	sessionActivity,
	initialSessionState,
	restoreState,
	type SessionState
} from './session-state.ts';

const at = '2026-01-02T03:04:05.000Z';
type Fact = [SessionEvent['source'], string, Record<string, unknown>?];

const fold = (facts: Fact[], from: SessionState = initialSessionState()): SessionState =>
	facts.reduce<SessionState>(
		(state, [source, type, payload = {}], index) =>
			evolve(state, { seq: index + 1, ts: at, source, type, payload }),
		from
	);

const accepted = (commandId: string): Fact => [
	'manager',
	'message.accepted',
	{ commandId, text: 'do it', from: 'person' }
];
const startOf = (epoch: number, reason = 'created'): Fact => [
	'manager',
	'session.start_requested',
	{ reason, epoch }
];
/** As it is in the queue when it was the first thing of all. */
const held = (commandId: string) =>
	({ commandId, from: 'person', seq: 1, handedOver: false }) as const;
const runnerUp = (epoch: number): Fact => [
	'runner',
	'runner.started',
	{ epoch, version: 1, resumed: epoch > 1, claudeCodeVersion: null }
];
const turnBegins = (commandId: string): Fact => ['runner', 'runner.turn_started', { commandId }];
const turnEnds = (commandId: string): Fact => [
	'runner',
	'runner.turn_ended',
	{ commandId, outcome: 'completed' }
];
const settled: Fact = ['manager', 'session.settled'];
const asks = (requestId: string, kind = 'approval'): Fact => [
	'runner',
	'runner.approval_requested',
	{
		requestId,
		kind,
		toolName: 'Bash',
		toolUseId: 't1',
		input: {},
		title: null,
		description: null,
		reason: null,
		agentId: null
	}
];

const starting: Fact[] = [accepted('m1'), startOf(1)];
const running: Fact[] = [...starting, runnerUp(1), turnBegins('m1')];
const waiting: Fact[] = [...running, turnEnds('m1'), settled];
const asleep: Fact[] = [...waiting, ['manager', 'session.slept', { afterSeconds: 1800 }]];
const stopped: Fact[] = [
	...waiting,
	['manager', 'session.stop_requested'],
	['manager', 'session.stopped']
];
const failed: Fact[] = [
	...starting,
	['manager', 'session.failed', { error: { code: 'sandbox_died', message: 'gone' } }]
];

describe('evolve: status', () => {
	const cases: [string, Fact[], Partial<SessionState>][] = [
		['starts', starting, { status: 'starting', epoch: 1, queued: [held('m1')] }],
		['stays starting until the message is in', [...starting, runnerUp(1)], { status: 'starting' }],
		['runs while a turn is open', running, { status: 'running', openTurn: 'm1', queued: [] }],
		[
			'does not show waiting before the commits are in',
			[...running, turnEnds('m1')],
			{ status: 'running', settling: true, openTurn: null }
		],
		['waits for input after a turn', waiting, { status: 'waiting', waitingFor: 'input', turns: 1 }],
		[
			'does not wait when the next message is queued',
			[...running, accepted('m2'), turnEnds('m1'), settled],
			{ status: 'running', queued: [{ ...held('m2'), seq: 5 }] }
		],
		[
			'waits for an approval',
			[...running, asks('r1')],
			{ status: 'waiting', waitingFor: 'approval' }
		],
		['waits for an answer', [...running, asks('r1', 'question')], { waitingFor: 'answer' }],
		['waits for a plan', [...running, asks('r1', 'plan')], { waitingFor: 'plan' }],
		[
			'waits for the oldest of two requests until both are answered',
			[
				...running,
				asks('r1', 'question'),
				asks('r2'),
				[
					'manager',
					'request.decided',
					{ requestId: 'r1', commandId: 'd1', decision: 'allow', message: null }
				]
			],
			{ status: 'waiting', waitingFor: 'approval' }
		],
		[
			'runs on when the last request is answered',
			[
				...running,
				asks('r1'),
				['runner', 'runner.approval_resolved', { requestId: 'r1', outcome: 'allowed' }]
			],
			{ status: 'running', pending: [] }
		],
		['sleeps and still waits', asleep, { status: 'waiting', waitingFor: 'input', asleep: true }],
		['is stopped', stopped, { status: 'stopped', waitingFor: null, ending: null }],
		[
			'is still to be purged when the stop that came before is done',
			[
				...waiting,
				['manager', 'session.stop_requested'],
				['manager', 'session.purge_requested'],
				['manager', 'session.stopped']
			],
			{ status: 'stopped', desired: 'purged', ending: 'purge' }
		],
		[
			'does not come to life by what a runner says after the end',
			[...stopped, turnBegins('m2'), asks('r1'), turnEnds('m2')],
			{ status: 'stopped', openTurn: null, pending: [], settling: false, turns: 2 }
		],
		[
			'waits again when the sandbox of a turn that began while it fell asleep is gone',
			[
				...asleep,
				turnBegins('m2'),
				['manager', 'sandbox.exited', { epoch: 1, cause: 'exited', exitCode: 0, expected: true }]
			],
			{ status: 'waiting', waitingFor: 'input', asleep: true, openTurn: null, exitedEpoch: 1 }
		],
		[
			'waits when the only message it was started for can’t be told done or not',
			[
				...starting,
				runnerUp(1),
				['runner', 'runner.command_unknown_outcome', { commandId: 'm1', message: 'died' }]
			],
			{ status: 'waiting', waitingFor: 'input', queued: [] }
		],
		[
			'counts a turn that the agent began by itself',
			[...waiting, turnBegins('nobody-sent-this')],
			{ status: 'running', openTurn: 'nobody-sent-this', turns: 2 }
		],
		['is in error with its reason', failed, { status: 'error', desired: 'stopped' }],
		[
			'keeps a message that was never begun over an error',
			[...failed, startOf(2, 'retry')],
			{ status: 'starting', queued: [held('m1')], error: null, epoch: 2 }
		],
		[
			'waits after a resume without a message',
			[...stopped, startOf(2, 'resume'), runnerUp(2)],
			{ status: 'waiting', waitingFor: 'input' }
		],
		[
			'does not believe a runner of an older epoch',
			[...stopped, startOf(2, 'resume'), runnerUp(1)],
			{ status: 'starting', runnerUp: false }
		],
		[
			'waits for the limit once the turn is over',
			[
				...running,
				['manager', 'session.limit_reached', { error: { code: 'model_limit', message: 'full' } }],
				turnEnds('m1'),
				settled
			],
			{ status: 'waiting', waitingFor: 'limit' }
		]
	];
	it.each(cases)('%s', (_name, facts, expected) => {
		expect(fold(facts)).toMatchObject(expected);
	});

	it('takes the manager’s word from the manager only', () => {
		const forged = fold([
			...running,
			['runner', 'session.stopped'],
			['claude', 'session.finished']
		]);
		expect(forged.status).toBe('running');
	});

	it('leaves the state as it is for what it can’t read', () => {
		const before = fold(running);
		const odd: Fact[] = [
			['runner', 'runner.turn_ended', { commandId: 7 }],
			['runner', 'constructor'],
			['manager', '__proto__'],
			['claude', 'claude.assistant', { message: { content: 'text' } }],
			['claude', 'claude.result.success', { total_cost_usd: 'much' }]
		];
		const after = fold(odd, before);
		expect({ ...after, usage: before.usage }).toEqual(before);
	});
});

describe('evolve: what became of the sandbox', () => {
	const exit = (cause: string, expected = false): Fact => [
		'manager',
		'sandbox.exited',
		{ epoch: 1, cause, exitCode: null, expected }
	];
	const silent: Fact = [
		'manager',
		'session.stopped_answering',
		{ afterSeconds: 30, silence: 'unanswered' }
	];
	const answers: Fact = ['manager', 'session.answered_again'];
	const agentSilent: Fact = ['runner', 'runner.agent_silent', { afterSeconds: 30 }];
	const agentHeard: Fact = ['runner', 'runner.agent_heard'];
	const cases: [string, Fact[], Partial<SessionState>][] = [
		['an end nobody asked for has its cause', [...running, exit('oom')], { exitCause: 'oom' }],
		['one that was asked for has none', [...running, exit('removed', true)], { exitCause: null }],
		[
			'a resume forgets it',
			[...running, exit('host'), startOf(2, 'resume')],
			{ exitCause: null, runnerEnd: null }
		],
		[
			'a runner says why it goes',
			[
				...running,
				['runner', 'runner.agent_exited', { exitCode: 1, error: null, stderr: ['a', 'out of it'] }],
				['runner', 'runner.stopped', { reason: 'agent_exited' }]
			],
			{ runnerEnd: { agentError: 'out of it', reason: 'agent_exited' } }
		],
		[
			'silence is no status',
			[...running, silent],
			{ status: 'running', unresponsive: { since: at, silence: 'unanswered' } }
		],
		['an answer ends it', [...running, silent, answers], { unresponsive: null }],
		['an end, too', [...running, silent, exit('killed')], { unresponsive: null }],
		['a fresh sandbox, too', [...running, silent, startOf(2, 'resume')], { unresponsive: null }],
		['a stop, too', [...running, silent, ['manager', 'session.stopped']], { unresponsive: null }],
		['what sleeps need not answer', [...asleep, silent], { unresponsive: null }],
		['what has ended neither', [...stopped, silent], { unresponsive: null }],
		['a start has not come up yet', [...starting, silent], { unresponsive: null }],
		['an agent that does not answer', [...running, agentSilent], { agentSilentSince: at }],
		['its word ends it', [...running, agentSilent, agentHeard], { agentSilentSince: null }],
		['its end, too', [...running, agentSilent, exit('killed')], { agentSilentSince: null }],
		['a resume, too', [...running, agentSilent, startOf(2, 'resume')], { agentSilentSince: null }],
		['none without a turn', [...waiting, agentSilent], { agentSilentSince: null }]
	];
	it.each(cases)('%s', (_name, facts, expected) => {
		expect(fold(facts)).toMatchObject(expected);
	});
});

describe('evolve: cost', () => {
	const result = (total: number): Fact => [
		'claude',
		'claude.result.success',
		{ total_cost_usd: total, usage: { input_tokens: 10, output_tokens: 5 } }
	];

	const answerOf = (model: string): Fact => [
		'claude',
		'claude.assistant',
		{ message: { model, content: [] } }
	];

	it('adds the difference of the cumulative cost, also over a resume, and begins anew with less', () => {
		const facts = [
			...running,
			result(0.5),
			result(0.75),
			startOf(2, 'resume'),
			result(1),
			result(0.25)
		];
		expect(fold(facts).usage).toMatchObject({ costUsd: 1.25, inputTokens: 40, outputTokens: 20 });
	});

	it('counts nothing for the demo model, and only what comes after it for another', () => {
		const facts = [
			...running,
			answerOf('agent-manager-demo'),
			result(0.5),
			answerOf('claude-opus-5-5'),
			result(0.75)
		];
		expect(fold(facts).usage).toMatchObject({ costUsd: 0.25 });
	});
});

describe('what a running session does', () => {
	const says = (...content: object[]): Fact => [
		'claude',
		'claude.assistant',
		{ message: { content } }
	];
	const calls = (id: string, name: string) => ({ type: 'tool_use', id, name });
	const answers = (id: string): Fact => [
		'claude',
		'claude.user',
		{ message: { content: [{ type: 'tool_result', tool_use_id: id }] } }
	];
	const system = (subtype: string, more: object = {}): Fact => [
		'claude',
		`claude.system.${subtype}`,
		{ type: 'system', subtype, ...more }
	];
	const retries = system('api_retry', { attempt: 2, max_retries: 10 });
	const begun = [startOf(1), runnerUp(1), accepted('a'), turnBegins('a')];
	const both = says(calls('t1', 'Read'), calls('t2', 'Bash'));
	const ended: Fact = ['runner', 'runner.turn_ended', { commandId: 'a', outcome: 'completed' }];

	it.each<[string, Fact[], object | null]>([
		['nothing, while it starts', [startOf(1)], null],
		['the model answers', begun, { kind: 'model' }],
		['the newest call', [...begun, both], { kind: 'tool', name: 'Bash' }],
		['the one that is left', [...begun, both, answers('t2')], { kind: 'tool', name: 'Read' }],
		['the model again', [...begun, both, answers('t2'), answers('t1')], { kind: 'model' }],
		['a retry', [...begun, retries], { kind: 'retry', attempt: 2, maxRetries: 10 }],
		['a retry that worked', [...begun, retries, both], { kind: 'tool', name: 'Bash' }],
		['compacting', [...begun, system('status', { status: 'compacting' })], { kind: 'compacting' }],
		[
			'compacted',
			[...begun, system('status', { status: 'compacting' }), system('compact_boundary')],
			{ kind: 'model' }
		],
		['its commits come in', [...begun, retries, ended], { kind: 'settling' }],
		['nothing, while it asks', [...begun, both, asks('r')], null],
		['no retry of a turn that is over', [...begun, ended, retries], { kind: 'settling' }]
	])('%s', (_what, facts, activity) => {
		expect(sessionActivity(fold(facts))).toEqual(activity);
	});

	it('is restored from a row that knew ids alone', () => {
		const stored = { ...fold(begun), openTools: ['t1'] };
		expect(sessionActivity(restoreState(stored))).toEqual({ kind: 'tool', name: 'a tool' });
	});
});

describe('decide', () => {
	const message: SessionCommand = { type: 'message', commandId: 'm9', text: 'hi', from: 'person' };
	const outcome = (facts: Fact[], command: SessionCommand) => {
		const decision = decide(fold(facts), command);
		return decision.ok
			? [
					...decision.value.events.map(({ type }) => type),
					...decision.value.runnerCommands.map(({ type }) => `> ${type}`)
				]
			: decision.error.code;
	};
	const ending: Fact[] = [...waiting, ['manager', 'session.stop_requested']];
	const finish: SessionCommand = { type: 'finish', commandId: 'f1' };
	const answer: SessionCommand = {
		type: 'decide',
		commandId: 'd1',
		requestId: 'r1',
		decision: 'allow',
		message: null,
		updatedInput: null
	};
	const cases: [string, Fact[], SessionCommand, string | string[]][] = [
		[
			'a message to a waiting session',
			waiting,
			message,
			['message.accepted', 'message.handed_over', '> message']
		],
		['a message while it starts', starting, message, ['message.accepted']],
		[
			'a message to a sleeping session wakes it',
			asleep,
			message,
			['message.accepted', 'session.start_requested']
		],
		['a message to a stopped session', stopped, message, 'session_not_live'],
		['a message to one in error', failed, message, 'session_not_live'],
		['a message to one that is ending', ending, message, 'session_not_live'],
		['stop', running, { type: 'stop' }, ['session.stop_requested']],
		['stop while starting', starting, { type: 'stop' }, ['session.stop_requested']],
		['stop twice', ending, { type: 'stop' }, []],
		['stop what is stopped', stopped, { type: 'stop' }, []],
		['resume what is stopped', stopped, { type: 'resume' }, ['session.start_requested']],
		['resume what is in error', failed, { type: 'resume' }, ['session.start_requested']],
		['resume what sleeps', asleep, { type: 'resume' }, ['session.start_requested']],
		[
			'resume what does not answer',
			[
				...running,
				['manager', 'session.stopped_answering', { afterSeconds: 30, silence: 'paused' }]
			],
			{ type: 'resume' },
			['session.start_requested']
		],
		[
			'resume what has an agent that does not answer',
			[...running, ['runner', 'runner.agent_silent', { afterSeconds: 30 }]],
			{ type: 'resume' },
			['session.start_requested']
		],
		['resume what is live', running, { type: 'resume' }, 'session_not_resumable'],
		['retry an error', failed, { type: 'retry' }, ['session.start_requested']],
		['retry what is no error', stopped, { type: 'retry' }, 'session_not_resumable'],
		['finish', waiting, finish, ['session.finish_requested', '> finish']],
		['finish what sleeps', asleep, finish, ['session.finish_requested']],
		['finish before there is a runner', starting, finish, ['session.finish_requested']],
		['finish what is stopped', stopped, finish, 'session_not_live'],
		['sleep', waiting, { type: 'sleep', afterSeconds: 0 }, ['session.slept']],
		['sleep while running', running, { type: 'sleep', afterSeconds: 0 }, 'session_busy'],
		[
			'interrupt a turn',
			running,
			{ type: 'interrupt', commandId: 'i' },
			['interrupt.requested', '> interrupt']
		],
		['interrupt nothing', waiting, { type: 'interrupt', commandId: 'i' }, []],
		['answer what is asked', [...running, asks('r1')], answer, ['request.decided', '> decide']],
		['answer what nobody asked', running, answer, 'decision_not_pending'],
		['purge', stopped, { type: 'purge' }, ['session.purge_requested']]
	];
	it.each(cases)('%s', (_name, facts, command, expected) => {
		expect(outcome(facts, command)).toEqual(expected);
	});

	it('is never refused by its own events: what it decides folds to a state of the six', () => {
		for (const [, facts, command] of cases) {
			const state = fold(facts);
			const decision = decide(state, command);
			if (!decision.ok) continue;
			const after = fold(
				decision.value.events.map(({ type, payload }): Fact => ['manager', type, payload]),
				state
			);
			expect(isLive(after.status) || ['finished', 'error', 'stopped'].includes(after.status)).toBe(
				true
			);
			expect(after.waitingFor === null).toBe(after.status !== 'waiting');
		}
	});
});

describe('a sandbox that says too much', () => {
	const long = 'x'.repeat(100_000);
	const running = fold([startOf(1), runnerUp(1), accepted('a'), turnBegins('a')]);
	const sizeOf = (state: SessionState): number => JSON.stringify(state).length;

	it('can ask only so much at once', () => {
		const state = fold(
			Array.from({ length: 5_000 }, (_, index) => asks(`request ${index}`)),
			running
		);
		expect(state.pending).toHaveLength(100);
		expect(state.waitingFor).toBe('approval');
	});

	it('can open only so many tools', () => {
		const content = Array.from({ length: 5_000 }, (_, id) => ({ type: 'tool_use', id: `t${id}` }));
		const state = fold([['claude', 'claude.assistant', { message: { content } }]], running);
		expect(state.openTools).toHaveLength(500);
	});

	it.each<[string, Fact]>([
		['turn', turnBegins(long)],
		['request', asks(long)],
		[
			'tool',
			['claude', 'claude.assistant', { message: { content: [{ type: 'tool_use', id: long }] } }]
		]
	])('can’t give a %s a name without an end', (_what, fact) => {
		expect(sizeOf(fold([fact], running))).toBeLessThan(sizeOf(running) + 1_000);
	});

	it('can’t count up to what is no number', () => {
		const usage = {
			...{ input_tokens: 1e308, output_tokens: 0.5 },
			...{ cache_read_input_tokens: 1e308, cache_creation_input_tokens: -1 }
		};
		const result: Fact = ['claude', 'claude.result.success', { total_cost_usd: 1e308, usage }];
		const state = fold([result, result, result], running);
		expect(Object.values(state.usage)).toEqual([0, 0, 0, 0, 0]);
	});
});
