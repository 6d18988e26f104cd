/**
 * A session's log, written the way the SDK, the runner and the manager write it (shapes of
 * `@anthropic-ai/claude-agent-sdk` 0.3): one content block for each stored assistant message.
 */
import type { EventSource, SessionEvent } from '@agent-manager/protocol/events.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';

const START = Date.parse('2026-11-23T06:00:00.000Z');

export class LogWriter {
	readonly events: SessionEvent[] = [];
	#ms = 0;

	/** Appends an event `afterMs` after the one before. */
	add(source: EventSource, type: string, payload: JsonObject, afterMs = 100): SessionEvent {
		this.#ms += afterMs;
		const event: SessionEvent = {
			seq: this.events.length + 1,
			ts: new Date(START + this.#ms).toISOString(),
			source,
			type,
			payload
		};
		this.events.push(event);
		return event;
	}

	manager(type: string, payload: JsonObject = {}, afterMs?: number): SessionEvent {
		return this.add('manager', type, payload, afterMs);
	}

	runner(type: string, payload: JsonObject = {}, afterMs?: number): SessionEvent {
		return this.add('runner', type, payload, afterMs);
	}

	/** `type` and `subtype` of the SDK's message make the event's type. */
	claude(message: JsonObject, afterMs?: number): SessionEvent {
		const { type, subtype } = message as { type: string; subtype?: string };
		const full = { uuid: `uuid-${this.events.length + 1}`, session_id: 'conversation', ...message };
		const name = subtype === undefined ? `claude.${type}` : `claude.${type}.${subtype}`;
		return this.add('claude', name, full, afterMs);
	}

	created(goalPrompt = 'Fix the login'): void {
		this.manager('session.created', {
			role: 'implementer',
			branchName: 'agent/fix-login-3f2a',
			baseBranch: 'main',
			goalPrompt,
			model: null,
			permissionMode: 'full'
		});
		this.manager('session.start_requested', { reason: 'created', epoch: 1 });
	}

	accepted(commandId: string, text: string, from = 'person'): SessionEvent {
		return this.manager('message.accepted', { commandId, text, from });
	}

	turnStarted(commandId: string): SessionEvent {
		return this.runner('runner.turn_started', { commandId });
	}

	turnEnded(commandId: string, outcome = 'completed'): SessionEvent {
		return this.runner('runner.turn_ended', { commandId, outcome });
	}

	/** One content block of the answer `messageId`. */
	says(
		messageId: string,
		content: JsonObject,
		extra: JsonObject = {},
		parent: string | null = null
	): SessionEvent {
		return this.claude({
			type: 'assistant',
			message: {
				id: messageId,
				type: 'message',
				role: 'assistant',
				model: 'claude-sonnet-5-5',
				content: [content],
				stop_reason: null,
				usage: { input_tokens: 4, output_tokens: 1 }
			},
			parent_tool_use_id: parent,
			...extra
		});
	}

	text(messageId: string, text: string, parent: string | null = null): SessionEvent {
		return this.says(messageId, { type: 'text', text }, {}, parent);
	}

	calls(
		messageId: string,
		id: string,
		name: string,
		input: JsonObject,
		parent: string | null = null
	): SessionEvent {
		return this.says(messageId, { type: 'tool_use', id, name, input }, {}, parent);
	}

	result(
		toolUseId: string,
		content: unknown,
		structured?: unknown,
		options: { isError?: boolean; parent?: string | null; afterMs?: number } = {}
	): SessionEvent {
		const { isError = false, parent = null, afterMs } = options;
		return this.claude(
			{
				type: 'user',
				message: {
					role: 'user',
					content: [
						{
							type: 'tool_result',
							tool_use_id: toolUseId,
							content,
							...(isError ? { is_error: true } : {})
						}
					]
				},
				parent_tool_use_id: parent,
				...(structured === undefined ? {} : { tool_use_result: structured })
			},
			afterMs
		);
	}

	resulted(totalCostUsd: number, extra: JsonObject = {}): SessionEvent {
		return this.claude({
			type: 'result',
			subtype: 'success',
			is_error: false,
			duration_ms: 4200,
			duration_api_ms: 3900,
			num_turns: 2,
			result: 'Done.',
			stop_reason: 'end_turn',
			total_cost_usd: totalCostUsd,
			usage: {
				input_tokens: 12,
				output_tokens: 340,
				cache_read_input_tokens: 9000,
				cache_creation_input_tokens: 1200
			},
			modelUsage: {},
			permission_denials: [],
			terminal_reason: 'completed',
			...extra
		});
	}
}

export const PATCH = [
	{
		oldStart: 3,
		oldLines: 3,
		newStart: 3,
		newLines: 4,
		lines: [' const a = 1;', '-const b = 2;', '+const b = 3;', '+const c = 4;', ' export { a };']
	}
];

/** Two turns with thinking, text, every common tool, a sub-agent, a question, commits and a retry. */
export const writeStory = (log = new LogWriter()): SessionEvent[] => {
	log.created();
	log.accepted('m1', 'Fix the login');
	log.runner('runner.started', {
		epoch: 1,
		version: 1,
		resumed: false,
		claudeCodeVersion: '2.1.330'
	});
	log.turnStarted('m1');
	log.claude({
		type: 'system',
		subtype: 'init',
		cwd: '/work',
		model: 'claude-sonnet-5-5',
		tools: ['Bash']
	});
	log.says('msg1', { type: 'thinking', thinking: 'Where is the login?', signature: 'x' });
	log.text('msg1', 'Let me look at the **login**.');
	log.calls('msg1', 'tool1', 'Read', { file_path: '/repo/src/login.ts' });
	log.calls('msg1', 'tool2', 'Grep', { pattern: 'login', path: 'src' });
	log.result('tool1', '1\tconst a = 1;', {
		type: 'text',
		file: {
			filePath: '/repo/src/login.ts',
			content: 'const a = 1;\n',
			numLines: 1,
			startLine: 1,
			totalLines: 1
		}
	});
	log.result('tool2', 'src/login.ts', {
		mode: 'files_with_matches',
		numFiles: 1,
		filenames: ['src/login.ts']
	});
	log.calls('msg2', 'tool3', 'TodoWrite', {
		todos: [
			{ content: 'Fix it', activeForm: 'Fixing it', status: 'in_progress' },
			{ content: 'Test it', activeForm: 'Testing it', status: 'pending' }
		]
	});
	log.result('tool3', 'Todos have been modified', { oldTodos: [], newTodos: [] });
	log.calls('msg3', 'tool4', 'Edit', {
		file_path: '/repo/src/login.ts',
		old_string: 'const b = 2;',
		new_string: 'const b = 3;\nconst c = 4;'
	});
	log.result('tool4', 'The file was updated.', {
		filePath: '/repo/src/login.ts',
		structuredPatch: PATCH
	});
	log.calls('msg4', 'tool5', 'Bash', { command: 'npm test', description: 'Run the tests' });
	log.result('tool5', 'Exit code 1\n\u001b[31m1 failed\u001b[39m', undefined, {
		isError: true,
		afterMs: 3000
	});
	log.claude({
		type: 'system',
		subtype: 'api_retry',
		attempt: 1,
		max_retries: 10,
		retry_delay_ms: 1090,
		error_status: 529,
		error: 'overloaded'
	});
	log.claude({
		type: 'system',
		subtype: 'api_retry',
		attempt: 2,
		max_retries: 10,
		retry_delay_ms: 2100,
		error_status: 529,
		error: 'overloaded'
	});
	log.calls('msg5', 'agent1', 'Agent', {
		description: 'Find the bug',
		prompt: 'Look for it',
		subagent_type: 'general'
	});
	log.claude({
		type: 'system',
		subtype: 'task_started',
		task_id: 't1',
		tool_use_id: 'agent1',
		description: 'Find the bug'
	});
	log.text('sub1', 'Looking.', 'agent1');
	log.calls('sub1', 'sub-tool1', 'Bash', { command: 'ls' }, 'agent1');
	log.result(
		'sub-tool1',
		'src',
		{ stdout: 'src', stderr: '', interrupted: false },
		{ parent: 'agent1' }
	);
	log.result('agent1', [{ type: 'text', text: 'It is in line 4.' }], {
		status: 'completed',
		totalToolUseCount: 1
	});
	log.text('msg6', 'Fixed.');
	log.resulted(0.04);
	log.turnEnded('m1');
	log.manager('commits.collected', { head: 'a'.repeat(40), commitCount: 2, fastForward: true });
	log.manager('session.settled');
	log.accepted('m2', 'Now the docs');
	log.turnStarted('m2');
	log.calls('msg7', 'ask1', 'AskUserQuestion', {
		questions: [
			{
				question: 'Which docs?',
				header: 'Docs',
				options: [{ label: 'README' }, { label: 'All' }],
				multiSelect: false
			}
		]
	});
	log.runner('runner.approval_requested', {
		requestId: 'r1',
		kind: 'question',
		toolName: 'AskUserQuestion',
		toolUseId: 'ask1',
		input: { questions: [{ question: 'Which docs?', options: [{ label: 'README' }] }] },
		title: null,
		description: null,
		reason: null,
		agentId: null
	});
	log.manager('request.decided', {
		requestId: 'r1',
		commandId: 'd1',
		decision: 'allow',
		message: null
	});
	log.runner('runner.approval_resolved', { requestId: 'r1', outcome: 'allowed' });
	log.result('ask1', 'User has answered', { questions: [], answers: { 'Which docs?': 'README' } });
	log.text('msg8', 'README it is.');
	log.accepted('m3', 'And the licence');
	log.resulted(0.1);
	log.turnEnded('m2');
	log.turnStarted('m3');
	log.text('msg9', 'The licence is MIT.');
	log.resulted(0.11);
	log.turnEnded('m3');
	return log.events;
};
