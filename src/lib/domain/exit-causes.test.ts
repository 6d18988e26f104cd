import { describe, expect, it } from 'vitest';
import { exitCauseSchema, silenceSchema } from '@agent-manager/protocol/session.ts';
import { EXIT_CAUSE_WORDS, exitCauseOf, SILENCE_WORDS } from './exit-causes.ts';

describe('the words of an end', () => {
	it('differ for each cause and each silence', () => {
		const titles = [...Object.values(EXIT_CAUSE_WORDS), ...Object.values(SILENCE_WORDS)].map(
			({ title }) => title
		);
		expect(new Set(titles).size).toBe(
			exitCauseSchema.options.length + silenceSchema.options.length
		);
	});
});

describe('exitCauseOf', () => {
	const agentGone = { agentError: 'ended by SIGKILL', reason: 'agent_exited' } as const;
	const told = { agentError: null, reason: 'stop' } as const;
	const cases: [string, Parameters<typeof exitCauseOf>, string][] = [
		['a runner that ends without a word', ['exited', { runnerEnd: null }], 'exited'],
		['one that says its agent has gone', ['exited', { runnerEnd: agentGone }], 'agent'],
		['the same while the engine was away', ['engine', { runnerEnd: agentGone }], 'agent'],
		['an agent that memory ran out for', ['oom', { runnerEnd: agentGone }], 'oom'],
		['one that was told to stop from outside', ['exited', { runnerEnd: told }], 'killed'],
		['one that its engine told to stop', ['engine', { runnerEnd: told }], 'engine'],
		[
			'one killed while it said so',
			['killed', { runnerEnd: { ...agentGone, reason: null } }],
			'killed'
		]
	];
	it.each(cases)('%s', (_name, args, expected) => {
		expect(exitCauseOf(...args)).toBe(expected);
	});
});
