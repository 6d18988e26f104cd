import { describe, expect, it } from 'vitest';
import type { Configure } from '@agent-manager/protocol/requests.ts';
import type { RunnerEventPayload } from '@agent-manager/protocol/events.ts';
import { decide, type Decision, type SessionCommand } from './session-decisions.ts';
import { evolve } from './session-machine.ts';
import { initialSessionState, type SessionState } from './session-state.ts';

const running: SessionState = {
	...initialSessionState(),
	...{ status: 'running', openTurn: 't1', runnerUp: true, runnerVersion: 2 },
	...{ permissionMode: 'full', modeBeforePlan: 'full', model: 'opus' }
};
const stateWith = (over: Partial<SessionState>): SessionState => ({ ...running, ...over });

const configure = (change: Configure): SessionCommand => ({
	type: 'configure',
	commandId: 'c1',
	...change
});

const decisionOn = (state: SessionState, command: SessionCommand): Decision => {
	const decision = decide(state, command);
	if (!decision.ok) throw new Error(decision.error.code);
	return decision.value;
};

const after = (state: SessionState, { events }: Decision): SessionState =>
	events.reduce(
		(folded, event, index) =>
			evolve(folded, { seq: index + 1, ts: '2026-11-26T10:00:00Z', source: 'manager', ...event }),
		state
	);

const refused = (
	state: SessionState,
	payload: RunnerEventPayload<'runner.configuration_refused'>
): SessionState =>
	evolve(state, {
		...{ seq: 9, ts: '2026-11-26T10:00:00Z', source: 'runner' },
		...{ type: 'runner.configuration_refused', payload }
	});

describe('configure', () => {
	it('changes the session and tells the runner the whole of it, in the middle of a turn', () => {
		const decision = decisionOn(running, configure({ permissionMode: 'ask', effort: 'low' }));
		expect(after(running, decision)).toMatchObject({
			...{ permissionMode: 'ask', effort: 'low', model: 'opus', openTurn: 't1' }
		});
		expect(decision.runnerCommands).toEqual([
			{
				...{ type: 'configure', commandId: 'c1' },
				...{ permissionMode: 'ask', model: 'opus', effort: 'low' }
			}
		]);
	});

	it('asks nothing of anybody when it is so already', () => {
		const decision = decisionOn(running, configure({ permissionMode: 'full', model: 'opus' }));
		expect(decision).toEqual({ events: [], runnerCommands: [] });
	});

	it.each([
		['stopped', { status: 'stopped', runnerUp: false }],
		['asleep', { status: 'waiting', asleep: true, runnerUp: false }]
	] as const)('is kept for the next start of a session that is %s', (_name, over) => {
		const state = stateWith({ ...over, openTurn: null });
		const decision = decisionOn(state, configure({ model: null }));
		expect(decision.runnerCommands).toEqual([]);
		expect(after(state, decision).model).toBeNull();
	});

	it('is refused where the runner would not know it', () => {
		const decision = decide(stateWith({ runnerVersion: 1 }), configure({ model: 'haiku' }));
		expect(decision.ok ? null : decision.error.code).toBe('not_supported');
	});

	it('goes back to what the runner says is so, unless a newer change is on its way', () => {
		const wrong = after(running, decisionOn(running, configure({ model: 'nope' })));
		const still = { message: 'no such model', model: 'opus', effort: null };
		expect(refused(wrong, { commandId: 'c1', ...still }).model).toBe('opus');
		expect(refused(wrong, { commandId: 'c0', ...still }).model).toBe('nope');
	});

	it('takes no word of a sandbox for the mode', () => {
		const forged = evolve(stateWith({ permissionMode: 'ask' }), {
			...{ seq: 9, ts: '2026-11-26T10:00:00Z', source: 'runner', type: 'session.configured' },
			payload: { commandId: 'x', permissionMode: 'full' }
		});
		expect(forged.permissionMode).toBe('ask');
	});
});

describe('a plan that is approved', () => {
	const pending: SessionState['pending'] = [
		{ requestId: 'r1', kind: 'plan', seq: 4, toolName: 'ExitPlanMode', title: null }
	];
	const approve: SessionCommand = {
		...{ type: 'decide', commandId: 'd1', requestId: 'r1', decision: 'allow' },
		...{ message: null, updatedInput: null }
	};
	const approved = (state: SessionState, command: SessionCommand) => {
		const decision = decisionOn(state, command);
		const [told] = decision.runnerCommands;
		const mode = told?.type === 'decide' ? told.permissionMode : undefined;
		return [mode, after(state, decision).permissionMode];
	};

	it('goes on in the mode before it', () => {
		const planning = after(running, decisionOn(running, configure({ permissionMode: 'plan' })));
		expect(approved({ ...planning, pending }, approve)).toEqual(['full', 'full']);
	});

	it('goes on in the mode that the person names', () => {
		const state = stateWith({ permissionMode: 'plan', pending });
		const answer: SessionCommand = { ...approve, permissionMode: 'accept_edits' };
		expect(approved(state, answer)).toEqual(['accept_edits', 'accept_edits']);
	});

	it('goes on asking when the session was begun with it', () => {
		const created = evolve(initialSessionState(), {
			...{ seq: 1, ts: '2026-11-26T10:00:00Z', source: 'manager', type: 'session.created' },
			payload: {
				...{ role: 'implementer', branchName: 'agent/a', baseBranch: 'main' },
				...{ goalPrompt: 'p', model: null, permissionMode: 'plan' }
			}
		});
		const state: SessionState = { ...created, status: 'waiting', openTurn: 't', runnerUp: true };
		expect(approved({ ...state, pending }, approve)).toEqual(['ask', 'ask']);
	});
});
