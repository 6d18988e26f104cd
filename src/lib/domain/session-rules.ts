/** The rules of a session: made with an answer or by themselves, and what they answer. */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { ManagerEventPayload } from '@agent-manager/protocol/events.ts';
import type { SessionRules } from '@agent-manager/protocol/requests.ts';
import type { PendingRequest, RuleScope } from '@agent-manager/protocol/session.ts';
import { wireError } from './errors.ts';
import { parseRule, ruleText } from './permission-rule.ts';
import { fail, ok, type Result } from './result.ts';
import type { Decision, SessionCommand } from './session-decisions.ts';
import type { SessionState } from './session-state.ts';

export type RulesCommand = { type: 'rules' } & SessionRules;

/** A rule and whose it is. */
export interface ScopedRule {
	scope: RuleScope;
	rule: string;
}

/** More of them nobody reads. The repo's have the same bound. */
export const RULES_MAX = 200;

/** The fold: each is there once, and only the newest that there is room for. */
export const withRules = (
	state: SessionState,
	added: readonly string[],
	removed: readonly string[]
): SessionState => {
	if (added.length === 0 && removed.length === 0) return state;
	const left = state.rules.filter((rule) => !removed.includes(rule));
	return { ...state, rules: [...new Set([...left, ...added])].slice(-RULES_MAX) };
};

/** As it is kept, or what is wrong with it. */
export const keptRule = (text: string): Result<string, WireError> => {
	const parsed = parseRule(text);
	return parsed.ok ? ok(ruleText(parsed.value)) : fail(wireError('rule_invalid', parsed.error));
};

const keptRules = (texts: readonly string[]): Result<string[], WireError> => {
	const kept: string[] = [];
	for (const text of texts) {
		const rule = keptRule(text);
		if (!rule.ok) return rule;
		kept.push(rule.value);
	}
	return ok([...new Set(kept)]);
};

export const tooManyRules = (): WireError =>
	wireError('rule_limit', `There are ${RULES_MAX} rules already: no more are kept.`);

const withinLimit = (state: SessionState, rules: readonly string[]): boolean =>
	new Set([...state.rules, ...rules]).size <= RULES_MAX;

type DecideCommand = Extract<SessionCommand, { type: 'decide' }>;
type Remembered = NonNullable<ManagerEventPayload<'request.decided'>['remember']>;

/** The rules that an answer makes; null when it makes none. */
export const rulesToKeep = (
	state: SessionState,
	request: PendingRequest,
	{ remember, decision, bySession }: DecideCommand
): Result<Remembered | null, WireError> => {
	if (!remember) return ok(null);
	if (bySession !== undefined) {
		return fail(wireError('not_permitted', 'Rules are the person’s to make.'));
	}
	if (decision !== 'allow' || request.kind !== 'approval') {
		return fail(wireError('rule_invalid', 'A rule is made by allowing what a tool wants to do.'));
	}
	const rules = keptRules(remember.rules);
	if (!rules.ok) return rules;
	if (remember.scope === 'session' && !withinLimit(state, rules.value)) return fail(tooManyRules());
	return ok({ scope: remember.scope, rules: rules.value });
};

export const decideRules = (
	state: SessionState,
	{ add, remove }: RulesCommand
): Result<Decision, WireError> => {
	const rules = keptRules(add);
	if (!rules.ok) return rules;
	const added = rules.value.filter((rule) => !state.rules.includes(rule));
	const removed = state.rules.filter((rule) => remove.includes(rule) && !added.includes(rule));
	if (added.length === 0 && removed.length === 0) return ok({ events: [], runnerCommands: [] });
	if (!withinLimit(withRules(state, [], removed), added)) return fail(tooManyRules());
	return ok({
		events: [{ type: 'session.rules_changed', payload: { added, removed } }],
		runnerCommands: []
	});
};

/** Leave that rules give; nothing when somebody was quicker. */
export const decideByRules = (
	{ pending }: SessionState,
	requestId: string,
	byRules: readonly ScopedRule[],
	commandId: string
): Decision => {
	if (!pending.some((request) => request.requestId === requestId)) {
		return { events: [], runnerCommands: [] };
	}
	const answer = { requestId, commandId, decision: 'allow', message: null } as const;
	const rules = byRules.map(({ scope, rule }) => ({ scope, rule }));
	return {
		events: [{ type: 'request.decided', payload: { ...answer, byRules: rules } }],
		runnerCommands: [{ type: 'decide', ...answer, updatedInput: null }]
	};
};
