import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { decide, type Decision, type SessionCommand } from './session-decisions.ts';
import { evolve } from './session-machine.ts';
import { decideByRules, RULES_MAX } from './session-rules.ts';
import { initialSessionState, type SessionState } from './session-state.ts';

const asking = (
	kind: 'approval' | 'question' | 'plan',
	over: Partial<SessionState> = {}
): SessionState => ({
	...initialSessionState(),
	status: 'waiting',
	waitingFor: 'approval',
	openTurn: 't',
	runnerUp: true,
	pending: [{ requestId: 'r', kind, seq: 3, toolName: 'Bash', title: null }],
	...over
});
type Answer = Extract<SessionCommand, { type: 'decide' }>;
const answer = (over: Partial<Answer> = {}): Answer => ({
	...{ type: 'decide', commandId: 'c', requestId: 'r', decision: 'allow' },
	...{ message: null, updatedInput: null },
	...over
});
const session = (...rules: string[]): Partial<Answer> => ({
	remember: { scope: 'session', rules }
});
const repo = (...rules: string[]): Partial<Answer> => ({ remember: { scope: 'repo', rules } });

const after = (state: SessionState, { events }: Decision): SessionState =>
	events.reduce<SessionState>(
		(folded, event, at) =>
			evolve(folded, {
				...event,
				seq: at + 4,
				ts: '2026-01-01T00:00:00.000Z',
				source: 'manager'
			} as SessionEvent),
		state
	);
const valueOf = (state: SessionState, command: SessionCommand): Decision => {
	const decision = decide(state, command);
	if (!decision.ok) throw new Error(decision.error.message);
	return decision.value;
};

describe('an answer that makes rules', () => {
	it('keeps those of the session in its state, written in one way and once', () => {
		const made = valueOf(
			asking('approval'),
			answer(session('Bash(npm  test:*)', 'Bash(npm test:*)'))
		);
		expect(made.runnerCommands).toMatchObject([{ type: 'decide', decision: 'allow' }]);
		expect(made.repoRules).toBeUndefined();
		const state = after(asking('approval'), made);
		expect(state).toMatchObject({ rules: ['Bash(npm test:*)'], pending: [], status: 'running' });
	});

	it('hands those of the repo over to be kept there', () => {
		const made = valueOf(asking('approval'), answer(repo('Edit(src/)')));
		expect(made.repoRules).toEqual(['Edit(src/**)']);
		expect(made.events[0]).toMatchObject({
			payload: { remember: { scope: 'repo', rules: ['Edit(src/**)'] } }
		});
		expect(after(asking('approval'), made).rules).toEqual([]);
	});

	it.each([
		['an orchestrator', asking('approval'), { ...repo('Edit'), bySession: 's' }, 'not_permitted'],
		[
			'of a session, by an orchestrator',
			asking('approval'),
			{ ...session('Edit'), bySession: 's' },
			'not_permitted'
		],
		['with a no', asking('approval'), { ...repo('Edit'), decision: 'deny' }, 'rule_invalid'],
		['of a question', asking('question'), session('Edit'), 'rule_invalid'],
		['of a plan', asking('plan'), session('Edit'), 'rule_invalid'],
		['nonsense', asking('approval'), session('Edit', 'rm -rf /'), 'rule_invalid'],
		['of every command', asking('approval'), repo('Bash(*)'), 'rule_invalid'],
		[
			'of what nobody asks any more',
			{ ...asking('approval'), pending: [] },
			session('Edit'),
			'decision_not_pending'
		],
		[
			'of what another session asks',
			asking('approval'),
			{ ...session('Edit'), requestId: 'other' },
			'decision_not_pending'
		],
		[
			'one too many',
			asking('approval', { rules: Array.from({ length: RULES_MAX }, (_, at) => `Edit(${at})`) }),
			session('Edit'),
			'rule_limit'
		]
	] as const)('is refused as a whole: %s', (_name, state, over, code) => {
		const decision = decide(state as SessionState, answer(over as Partial<Answer>));
		expect(decision.ok ? decision.value : decision.error.code).toBe(code);
	});
});

describe('rules that change by themselves', () => {
	const state = asking('approval', { rules: ['Edit', 'Bash(ls:*)'] });
	it('are added and removed in one event, and twice is once', () => {
		const change = {
			type: 'rules',
			add: ['WebSearch', 'Edit'],
			remove: ['Bash(ls:*)', 'gone']
		} as const;
		const made = valueOf(state, change as never);
		expect(made.events.map(({ payload }) => payload)).toEqual([
			{ added: ['WebSearch'], removed: ['Bash(ls:*)'] }
		]);
		const changed = after(state, made);
		expect(changed.rules).toEqual(['Edit', 'WebSearch']);
		expect(valueOf(changed, change as never).events).toEqual([]);
	});

	it('are refused as a whole when one is nonsense', () => {
		const decision = decide(state, { type: 'rules', add: ['WebSearch', 'Bash'], remove: ['Edit'] });
		expect(decision.ok || decision.error.code).toBe('rule_invalid');
	});
});

it('an answer by rules names them, and is none once somebody else has answered', () => {
	const rules = [{ scope: 'repo', rule: 'Bash(ls:*)' }] as const;
	const made = decideByRules(asking('approval'), 'r', rules, 'c');
	expect(made.events).toMatchObject([
		{ type: 'request.decided', payload: { decision: 'allow', byRules: rules } }
	]);
	expect(made.runnerCommands).toHaveLength(1);
	expect(after(asking('approval'), made).pending).toEqual([]);
	const none = { events: [], runnerCommands: [] };
	expect(decideByRules(asking('approval'), 'other', rules, 'c')).toEqual(none);
	expect(decideByRules(after(asking('approval'), made), 'r', rules, 'c')).toEqual(none);
});

it('what was changed before it was allowed is kept with the answer', () => {
	const updatedInput = { command: 'ls' };
	const made = valueOf(asking('approval'), answer({ updatedInput }));
	expect(made.events[0]?.payload).toMatchObject({ updatedInput });
	const denied = valueOf(asking('approval'), answer({ updatedInput, decision: 'deny' }));
	expect(denied.events[0]?.payload).not.toHaveProperty('updatedInput');
});
