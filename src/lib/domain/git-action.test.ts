import { describe, expect, it } from 'vitest';
import type { GitActionRequest } from '@agent-manager/protocol/changes.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { wireError } from './errors.ts';
import { decide } from './session-decisions.ts';
import { evolve } from './session-machine.ts';
import { initialSessionState, type SessionState } from './session-state.ts';

const commit: GitActionRequest = { kind: 'commit', message: 'Add a note' };
const push: GitActionRequest = { kind: 'push', overwrite: null };
const update: GitActionRequest = { kind: 'update', strategy: 'merge' };

const idle: SessionState = {
	...initialSessionState(),
	status: 'waiting',
	waitingFor: 'input',
	baseCommit: 'base',
	headCommit: 'head',
	commitCount: 1
};

const outcome = (state: SessionState, request: GitActionRequest): string | string[] => {
	const decision = decide(state, { type: 'git', commandId: 'c1', request });
	return decision.ok ? decision.value.events.map(({ type }) => type) : decision.error.code;
};

const event = (type: string, payload: SessionEvent['payload']): SessionEvent => ({
	...{ seq: 1, ts: '2026-01-02T03:04:05.000Z', source: 'manager', type, payload }
});
const requested = (state: SessionState, request: GitActionRequest): SessionState =>
	evolve(state, event('git.requested', { commandId: 'c1', request }));

describe('whether a git action may begin', () => {
	const taken = ['git.requested'];
	it.each<[string, SessionState, GitActionRequest, string | string[]]>([
		['a commit of an idle session', idle, commit, taken],
		['a commit of a stopped one', { ...idle, status: 'stopped' }, commit, taken],
		['a commit in a turn', { ...idle, openTurn: 't' }, commit, 'session_busy'],
		['an update while commits come in', { ...idle, settling: true }, update, 'session_busy'],
		['a commit without a worktree', { ...idle, baseCommit: null }, commit, 'worktree_not_ready'],
		['a push in a turn', { ...idle, openTurn: 't' }, push, taken],
		['a push of nothing', { ...idle, headCommit: null, commitCount: 0 }, push, 'nothing_to_do'],
		['a push of what upstream has', { ...idle, commitCount: 0 }, push, 'nothing_to_do'],
		['anything of what is purged', { ...idle, ending: 'purge' }, push, 'session_purged'],
		['a second one', requested(idle, push), commit, 'session_busy']
	])('%s', (_name, state, request, expected) => {
		expect(outcome(state, request)).toEqual(expected);
	});
});

describe('what a git action leaves', () => {
	const ended = (over: object) =>
		event('git.ended', {
			commandId: 'c1',
			error: null,
			baseCommit: null,
			pushedCommit: null,
			...over
		});

	it('is shown while it runs and when it has ended', () => {
		const running = requested(idle, push);
		expect(running.gitAction).toMatchObject({ status: 'running', request: push });
		const done = evolve(running, ended({ pushedCommit: 'head' }));
		expect(done).toMatchObject({
			pushedCommit: 'head',
			gitAction: { status: 'done', error: null }
		});
		expect(outcome(done, commit)).toEqual(['git.requested']);
	});

	it('moves the base, also when there were conflicts', () => {
		const error = wireError('merge_conflict', 'There are conflicts in one file.');
		const after = evolve(requested(idle, update), ended({ error, baseCommit: 'newer' }));
		expect(after).toMatchObject({ baseCommit: 'newer', gitAction: { status: 'failed', error } });
	});

	it('is nothing for another action than the newest', () => {
		const running = requested(idle, push);
		expect(evolve(running, ended({ commandId: 'c0', pushedCommit: 'x' }))).toBe(running);
	});
});

it('remembers where the branch stood when a turn began', () => {
	const begun = evolve(
		{ ...idle, headCommit: null },
		{ ...event('runner.turn_started', { commandId: 'm' }), source: 'runner' }
	);
	expect(begun.turnCommit).toBe('base');
});
