import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { LogWriter, writeStory } from '../../../tests/support/transcript-events.ts';
import { activityOf } from './transcript-activity.ts';
import type { Block, ToolBlock } from './transcript-blocks.ts';
import { blocksOf, carryOf, emptyTranscript } from './transcript-state.ts';
import { foldEvents, foldTranscript } from './transcript.ts';

const blocks = (events: SessionEvent[]): Block[] => blocksOf(foldEvents(events));

/** A log of one turn, written by `write`. */
const inTurn = (write: (log: LogWriter) => void): LogWriter => {
	const log = new LogWriter();
	log.created();
	log.accepted('m1', 'Do it');
	log.turnStarted('m1');
	write(log);
	return log;
};

const kinds = (events: SessionEvent[]): string[] => blocks(events).map((block) => block.kind);
const only = <K extends Block['kind']>(events: SessionEvent[], kind: K) =>
	blocks(events).filter((block): block is Extract<Block, { kind: K }> => block.kind === kind);
const tool = (events: SessionEvent[], id: string): ToolBlock => {
	const found = only(events, 'tool').find((block) => block.toolUseId === id);
	if (!found) throw new Error(`no call ${id}`);
	return found;
};

describe('a whole story', () => {
	const story = writeStory();

	it('folds to what a person reads, in order', () => {
		expect(kinds(story)).toEqual([
			'user',
			'thinking',
			'text',
			'tool',
			'tool',
			'tool',
			'tool',
			'tool',
			'retry',
			'tool',
			'text',
			'turn',
			'commits',
			'user',
			'request',
			'text',
			'turn',
			'user',
			'text',
			'turn'
		]);
	});

	it('gives each block a key of its own', () => {
		const keys = blocks(story).map((block) => block.key);
		expect(new Set(keys).size).toBe(keys.length);
	});

	it('shows a queued message where its turn begins, once', () => {
		const texts = blocks(story).flatMap((block) =>
			block.kind === 'user' || block.kind === 'text' ? [block.text] : []
		);
		expect(texts.slice(-3)).toEqual(['README it is.', 'And the licence', 'The licence is MIT.']);
		const state = foldEvents(story.slice(0, -4));
		expect(state.queued.map(({ text, delivery }) => ({ text, delivery }))).toEqual([
			{ text: 'And the licence', delivery: 'queued' }
		]);
	});

	it('counts the cost of each turn from the cumulative total', () => {
		const costs = only(story, 'turn').map(({ costUsd }) => Math.round((costUsd ?? -1) * 100));
		expect(costs).toEqual([4, 6, 1]);
	});

	it('sums up the turn: time, tokens, files and lines', () => {
		expect(only(story, 'turn')[0]).toMatchObject({
			outcome: 'completed',
			durationMs: 4200,
			inputTokens: 10_212,
			outputTokens: 340,
			filesChanged: 1,
			linesAdded: 2,
			linesRemoved: 1
		});
	});

	it('puts what a sub-agent says and does inside its call', () => {
		const agent = tool(story, 'agent1');
		expect(agent.children.map((child) => child.kind)).toEqual(['text', 'tool']);
		expect(agent.result?.text).toBe('It is in line 4.');
		expect(agent.subAgent?.description).toBe('Find the bug');
	});

	it('ends a call with the turn that shows nothing of itself but what its sub-agent says', () => {
		const log = inTurn((it) =>
			it.claude({
				type: 'assistant',
				parent_tool_use_id: 'unseen1',
				message: { id: 'msg1', role: 'assistant', content: [{ type: 'text', text: 'Here.' }] }
			})
		);
		expect(tool(log.events, 'unseen1').status).toBe('running');
		const end = log.turnEnded('m1');
		expect(tool(log.events, 'unseen1')).toMatchObject({ status: 'done', endedAt: end.ts });
	});

	it('shows a question with its answer, not its call', () => {
		expect(only(story, 'request')[0]).toMatchObject({
			requestKind: 'question',
			outcome: 'allowed',
			answers: { 'Which docs?': 'README' }
		});
		expect(only(story, 'tool').map((block) => block.toolUseId)).not.toContain('ask1');
	});

	it('gathers retries in one row that says how it went', () => {
		expect(only(story, 'retry')).toMatchObject([
			{ attempt: 2, maxRetries: 10, reason: 'The model is overloaded', outcome: 'recovered' }
		]);
	});

	it('keeps the latest to-dos', () => {
		expect(foldEvents(story).todos.map((todo) => todo.status)).toEqual(['in_progress', 'pending']);
	});

	it('is pure: folding on leaves the state before as it was', () => {
		let state = emptyTranscript();
		const before = story.map((event) => {
			const kept = state;
			const shown = JSON.stringify(blocksOf(state));
			state = foldTranscript(state, event);
			return () => expect(JSON.stringify(blocksOf(kept))).toBe(shown);
		});
		for (const check of before) check();
		expect(blocksOf(state)).toEqual(blocks(story));
	});

	it('takes no event twice', () => {
		expect(blocks([...story, ...story.slice(5)])).toEqual(blocks(story));
	});
});

describe('a steered message', () => {
	const steered = (more: (log: LogWriter) => void): string[] => {
		const log = inTurn((log) => {
			log.manager('message.accepted', {
				commandId: 's',
				text: 'Tabs',
				from: 'person',
				steer: true
			});
			log.manager('message.handed_over', { commandId: 's' });
			more(log);
		});
		return only(log.events, 'user').map(({ text, delivery }) => `${text}: ${delivery}`);
	};
	const starts = (log: LogWriter): void =>
		void log.claude({ type: 'command_lifecycle', command_uuid: 's', state: 'started' });

	it('stands in the turn that it went into', () => {
		const words = steered((log) => {
			starts(log);
			log.runner('runner.message_steered', { commandId: 's' });
		});
		expect(words).toEqual(['Do it: delivered', 'Tabs: steered']);
	});

	it('begins a turn when it came too late, and stands nowhere before that is known', () => {
		expect(steered(starts)).toEqual(['Do it: delivered']);
		const words = steered((log) => {
			log.turnEnded('m1');
			starts(log);
			log.turnStarted('s');
		});
		expect(words).toEqual(['Do it: delivered', 'Tabs: delivered']);
	});
});

describe('calls and results', () => {
	it('joins a result to its call, in whatever order results come', () => {
		const { events } = inTurn((log) => {
			log.calls('a', 'one', 'Bash', { command: 'ls' });
			log.calls('a', 'two', 'Bash', { command: 'pwd' });
			log.result('two', '/work', { stdout: '/work', stderr: '', interrupted: false });
			log.result('one', 'src', { stdout: 'src', stderr: '', interrupted: false });
		});
		expect(tool(events, 'one')).toMatchObject({ status: 'done', result: { text: 'src' } });
		expect(tool(events, 'two')).toMatchObject({ status: 'done', result: { text: '/work' } });
	});

	it('keeps two text blocks of one message apart', () => {
		const { events } = inTurn((log) => {
			log.text('a', 'First.');
			log.text('a', 'Second.');
		});
		expect(only(events, 'text').map((block) => block.text)).toEqual(['First.', 'Second.']);
	});

	it('marks calls without a result as interrupted when the turn ends', () => {
		const { events } = inTurn((log) => {
			log.calls('a', 'one', 'Bash', { command: 'sleep 9' });
			log.resulted(0.1, {
				subtype: 'error_during_execution',
				is_error: true,
				terminal_reason: 'aborted_tools',
				errors: []
			});
			log.turnEnded('m1', 'interrupted');
		});
		expect(tool(events, 'one').status).toBe('interrupted');
		expect(only(events, 'turn')[0]?.outcome).toBe('interrupted');
		expect(only(events, 'notice')).toEqual([]);
	});

	it('shows a result whose call is not loaded, and joins it once it is', () => {
		const story = writeStory();
		const from = story.findIndex((event) => event.type === 'claude.user');
		const window = blocks(story.slice(from));
		expect(window[0]).toMatchObject({ kind: 'tool', name: null, status: 'done' });
		expect(blocks([...story.slice(0, from), ...story.slice(from)])).toEqual(blocks(story));
	});

	it('keeps new tasks by the number their tool gives them', () => {
		const { events } = inTurn((log) => {
			log.calls('a', 'one', 'TaskCreate', {
				subject: 'Write',
				description: '',
				activeForm: 'Writing'
			});
			log.result('one', 'Task #1 created', { task: { id: '1', subject: 'Write' } });
			log.calls('b', 'two', 'TaskUpdate', { taskId: '1', status: 'in_progress' });
			log.result('two', 'Updated', { success: true, taskId: '1' });
			log.calls('c', 'three', 'TodoWrite', { todos: [] });
			log.result('three', 'No such tool', undefined, { isError: true });
		});
		expect(foldEvents(events).todos).toEqual([
			{ id: '1', text: 'Write', activeText: 'Writing', status: 'in_progress' }
		]);
	});
});

describe('what goes wrong, in words', () => {
	const failed = { is_error: true, api_error_status: 429, result: 'API Error: 429' };
	const cases: [string, (log: LogWriter) => void, { tone: string; title: string }][] = [
		[
			'a failed call of the model that calls itself success',
			(log) => log.resulted(0, failed),
			{ tone: 'error', title: 'The model’s limit is reached' }
		],
		[
			'an error that came with a message',
			(log) => {
				log.says('a', { type: 'text', text: 'API Error: 401' }, { error: 'authentication_failed' });
				log.resulted(0, { is_error: true, api_error_status: 401 });
			},
			{ tone: 'error', title: 'The model did not accept the credentials' }
		],
		[
			'too many steps',
			(log) => log.resulted(0, { subtype: 'error_max_turns', is_error: true, errors: [] }),
			{ tone: 'error', title: 'The turn took more steps than allowed' }
		],
		[
			'a sandbox that died',
			(log) =>
				log.manager('session.failed', {
					error: { code: 'sandbox_died', message: 'The sandbox ran out of memory.' }
				}),
			{ tone: 'error', title: 'The sandbox ran out of memory.' }
		],
		[
			'a sandbox that does not answer',
			(log) =>
				log.manager('session.stopped_answering', { afterSeconds: 31, silence: 'unanswered' }),
			{ tone: 'warning', title: 'The sandbox does not answer' }
		],
		[
			'an agent that ended',
			(log) =>
				log.runner('runner.agent_exited', { exitCode: 1, error: 'boom', stderr: ['a', 'b'] }),
			{ tone: 'error', title: 'The agent ended unexpectedly (exit code 1)' }
		],
		[
			'a connection that was blocked',
			(log) => {
				log.manager('egress.denied', { host: 'evil.example', port: 443, reason: 'not listed' });
				log.manager('egress.denied', { host: 'evil.example', port: 443, reason: 'not listed' });
			},
			{ tone: 'warning', title: 'Blocked a connection to evil.example:443' }
		],
		[
			'a message nobody knows about',
			(log) =>
				log.runner('runner.command_unknown_outcome', { commandId: 'm9', message: 'It crashed.' }),
			{ tone: 'warning', title: 'Nobody can tell whether the agent got the last message' }
		]
	];

	it.each(cases)('%s', (_name, write, expected) => {
		expect(only(inTurn(write).events, 'notice')).toMatchObject([expected]);
	});

	it('does not say the error of a synthetic message twice', () => {
		const { events } = inTurn((log) => {
			log.claude({
				type: 'assistant',
				error: 'rate_limit',
				parent_tool_use_id: null,
				message: { id: 's', model: '<synthetic>', content: [{ type: 'text', text: 'Limit' }] }
			});
			log.resulted(0, { is_error: true, api_error_status: 429, result: 'Limit' });
		});
		expect(only(events, 'text')).toEqual([]);
		expect(only(events, 'notice')).toMatchObject([{ detail: 'Limit' }]);
	});

	it('takes back what a refusal retracted', () => {
		const { events } = inTurn((log) => {
			const said = log.text('a', 'Half an answer');
			log.claude({
				type: 'system',
				subtype: 'model_refusal_fallback',
				content: 'Answered by another model',
				retracted_message_uuids: [said.payload.uuid]
			});
		});
		expect(only(events, 'text')).toEqual([]);
	});

	it('keeps what was said when the sandbox died', () => {
		for (const source of ['runner', 'manager'] as const) {
			const { events } = inTurn((log) => {
				log.text('a', 'Whole.');
				const type = source === 'runner' ? 'runner.partial' : 'message.cut_off';
				log.add(source, type, {
					messageId: 'a',
					blocks: [
						{ block: 0, kind: 'text', text: 'Whole.' },
						{ block: 1, kind: 'text', text: 'Half' },
						{ block: 2, kind: 'tool_input', text: '{"comm', tool: { id: 't', name: 'Bash' } }
					]
				});
			});
			expect(only(events, 'text').map(({ text, cut }) => ({ text, cut }))).toEqual([
				{ text: 'Whole.', cut: false },
				{ text: 'Half', cut: true }
			]);
			expect(tool(events, 't')).toMatchObject({ status: 'interrupted', inputText: '{"comm' });
		}
	});
});

describe('starts and ends', () => {
	it.each([
		['resume', 'Resumed in a fresh sandbox'],
		['wake', 'Woken up in a fresh sandbox'],
		['retry', 'Start retried']
	])('%s is a divider', (reason, text) => {
		const log = new LogWriter();
		log.manager('session.start_requested', { reason, epoch: 2 });
		expect(only(log.events, 'divider')).toMatchObject([{ text }]);
	});

	it('the first start and its steps are not part of the conversation', () => {
		const log = new LogWriter();
		log.created();
		log.manager('step.started', { step: 'mirror' });
		log.manager('step.finished', { step: 'mirror', durationMs: 3 });
		expect(blocks(log.events)).toEqual([]);
	});

	it('counts the cost of a resumed conversation from what it had cost', () => {
		const log = inTurn((log) => log.resulted(0.5));
		log.turnEnded('m1');
		log.manager('session.start_requested', { reason: 'resume', epoch: 2 });
		log.accepted('m2', 'Go on');
		log.turnStarted('m2');
		log.resulted(0.6);
		log.turnEnded('m2');
		expect(only(log.events, 'turn')[1]?.costUsd).toBeCloseTo(0.1);
	});

	it('says nothing of a turn’s cost when the total before it is not in the window', () => {
		const story = writeStory();
		const from = story.findIndex((event) => event.type === 'commits.collected');
		expect(only(story.slice(from), 'turn')[0]?.costUsd).toBeNull();
		const before = carryOf(foldEvents([]));
		const carried = foldEvents(story.slice(from), { ...before, totalCostUsd: 0.04 });
		const turn = blocksOf(carried).find((block) => block.kind === 'turn');
		expect(turn).toMatchObject({ kind: 'turn' });
		expect(turn?.kind === 'turn' ? turn.costUsd : null).toBeCloseTo(0.06);
	});
});

describe('approvals', () => {
	const asked = (log: LogWriter): void => {
		log.calls('a', 'one', 'Bash', { command: 'rm -rf build' });
		log.runner('runner.approval_requested', {
			requestId: 'r1',
			kind: 'approval',
			toolName: 'Bash',
			toolUseId: 'one',
			input: { command: 'rm -rf build' },
			title: 'Remove the build',
			description: null,
			reason: null,
			agentId: null
		});
	};

	it('marks the call while a person is asked', () => {
		const { events } = inTurn(asked);
		expect(tool(events, 'one').approval).toBe('pending');
		expect(only(events, 'request')).toEqual([]);
	});

	it('shows what was decided, and takes the person’s word over the runner’s', () => {
		const { events } = inTurn((log) => {
			asked(log);
			log.manager('request.decided', {
				requestId: 'r1',
				commandId: 'd',
				decision: 'deny',
				message: 'Keep it'
			});
			log.runner('runner.approval_resolved', { requestId: 'r1', outcome: 'allowed' });
		});
		expect(only(events, 'request')).toMatchObject([{ outcome: 'denied', message: 'Keep it' }]);
		expect(tool(events, 'one').approval).toBe('denied');
	});

	const decided = (log: LogWriter, more: object): void => {
		asked(log);
		const answer = { requestId: 'r1', commandId: 'd', decision: 'allow', message: null };
		log.manager('request.decided', { ...answer, ...more });
	};

	it('says at the call which rules allowed it or were made, without a row of its own', () => {
		const allowed = inTurn((log) =>
			decided(log, { byRules: [{ scope: 'repo', rule: 'Bash(rm:*)' }] })
		);
		expect(tool(allowed.events, 'one').allowedBy).toEqual(['Bash(rm:*)']);
		const made = inTurn((log) =>
			decided(log, { remember: { scope: 'session', rules: ['Bash(rm:*)'] } })
		);
		expect(tool(made.events, 'one').rulesMade).toEqual(['Bash(rm:*)']);
		expect(only([...allowed.events, ...made.events], 'request')).toEqual([]);
	});

	it('shows what was allowed in the place of what was asked', () => {
		const { events } = inTurn((log) => decided(log, { updatedInput: { command: 'ls' } }));
		expect(only(events, 'request')).toMatchObject([{ changed: true, input: { command: 'ls' } }]);
	});

	it('shows a request whose call is not in the window', () => {
		const log = inTurn(asked);
		const from = log.events.findIndex((event) => event.type === 'runner.approval_requested');
		expect(only(log.events.slice(from), 'request')).toMatchObject([{ outcome: 'pending' }]);
	});
});

describe('what the agent does now', () => {
	it.each<[string, (log: LogWriter) => void, object]>([
		['works', () => undefined, { kind: 'working' }],
		['runs a tool', (log) => log.calls('a', 'one', 'Bash', {}), { kind: 'tool', name: 'Bash' }],
		[
			'waits for a retry',
			(log) => {
				const retry = { type: 'system', subtype: 'api_retry', attempt: 3, max_retries: 10 };
				log.claude({ ...retry, retry_delay_ms: 5, error_status: null, error: 'unknown' });
			},
			{ kind: 'retry', attempt: 3, maxRetries: 10, reason: 'The model can’t be reached' }
		],
		[
			'summarises',
			(log) => log.claude({ type: 'system', subtype: 'status', status: 'compacting' }),
			{ kind: 'compacting' }
		],
		['is idle again', (log) => log.turnEnded('m1'), { kind: 'idle' }]
	])('%s', (_name, write, expected) => {
		expect(activityOf(foldEvents(inTurn(write).events), [])).toMatchObject(expected);
	});
});

describe('what is not known', () => {
	it('shows unknown types as small cards and goes on', () => {
		const log = inTurn((log) => {
			log.claude({ type: 'brand_new_thing', value: 1 });
			log.claude({ type: 'system', subtype: 'brand_new_subtype' });
			log.runner('runner.brand_new', {});
			log.manager('message.accepted', { text: 5 });
			log.text('a', 'Still here.');
		});
		expect(kinds(log.events)).toEqual(['user', 'unknown', 'unknown', 'unknown', 'unknown', 'text']);
	});

	it('hides what says nothing to a reader', () => {
		const { events } = inTurn((log) => {
			log.claude({ type: 'system', subtype: 'init' });
			log.claude({ type: 'system', subtype: 'thinking_tokens', estimated_tokens: 3 });
			log.claude({ type: 'command_lifecycle', command_uuid: 'x', state: 'queued' });
			log.claude({ type: 'user', isReplay: true, message: { role: 'user', content: 'Do it' } });
		});
		expect(kinds(events)).toEqual(['user']);
	});
});
