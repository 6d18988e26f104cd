import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { decide, type SessionCommand } from './session-decisions.ts';
import { areMarks } from './session-marks.ts';
import { evolve } from './session-machine.ts';
import { initialSessionState, type SessionState } from './session-state.ts';

const at = '2026-01-02T03:04:05.000Z';
const stateWith = (over: Partial<SessionState>): SessionState => ({
	...initialSessionState(),
	...over
});
const stopped = stateWith({ status: 'stopped', desired: 'stopped' });
const inError = stateWith({ status: 'error', desired: 'stopped' });
const running = stateWith({ status: 'running' });
const pinned = stateWith({ status: 'running', pinnedAt: at });
const archived = stateWith({ ...stopped, archivedAt: at });
const named = stateWith({ title: 'Named' });

/** What follows from the command: event types, or the code of the refusal. */
const outcome = (state: SessionState, command: SessionCommand): string | string[] => {
	const decision = decide(state, command);
	return decision.ok ? decision.value.events.map(({ type }) => type) : decision.error.code;
};

const after = (state: SessionState, command: SessionCommand): SessionState => {
	const decision = decide(state, command);
	if (!decision.ok) throw new Error(decision.error.message);
	return decision.value.events.reduce<SessionState>(
		(folded, { type, payload }, index) =>
			evolve(folded, { seq: index + 1, ts: at, source: 'manager', type, payload } as SessionEvent),
		state
	);
};

describe('marks', () => {
	const archive: SessionCommand = { type: 'archive', by: 'person' };
	const cases: [string, SessionState, SessionCommand, string | string[]][] = [
		['archive what is stopped', stopped, archive, ['session.archived']],
		['archive what is in error', inError, archive, ['session.archived']],
		['archive twice', archived, archive, []],
		['archive what is live', running, archive, 'session_live'],
		[
			'archive what sleeps',
			stateWith({ status: 'waiting', asleep: true }),
			archive,
			'session_live'
		],
		[
			'archive what is being purged',
			stateWith({ ...stopped, ending: 'purge' }),
			archive,
			'session_live'
		],
		['unarchive', archived, { type: 'unarchive' }, ['session.unarchived']],
		['unarchive what is in the lists', stopped, { type: 'unarchive' }, []],
		[
			'resume what is archived',
			archived,
			{ type: 'resume' },
			['session.unarchived', 'session.start_requested']
		],
		['pin', running, { type: 'pin' }, ['session.pinned']],
		['pin twice', pinned, { type: 'pin' }, []],
		['unpin', pinned, { type: 'unpin' }, ['session.unpinned']],
		['unpin what is not pinned', running, { type: 'unpin' }, []],
		['rename', running, { type: 'rename', title: 'Other' }, ['session.renamed']],
		['rename to the same', named, { type: 'rename', title: ' Named ' }, []],
		['rename to nothing that shows', running, { type: 'rename', title: ' \u0007 ' }, 'bad_request']
	];
	it.each(cases)('%s', (_name, state, command, expected) => {
		expect(outcome(state, command)).toEqual(expected);
	});

	it('fold to what was asked for, and back', () => {
		expect(after(stopped, archive).archivedAt).toBe(at);
		expect(after(archived, { type: 'unarchive' })).toEqual(stopped);
		expect(after(archived, { type: 'resume' })).toMatchObject({
			archivedAt: null,
			status: 'starting'
		});
		expect(after(running, { type: 'pin' })).toEqual(pinned);
		expect(after(pinned, { type: 'unpin' })).toEqual(running);
		expect(after(running, { type: 'rename', title: 'a\n b\u202e' }).title).toBe('a b⟦U+202E⟧');
	});

	it('are no sign of life, but only as long as nothing else comes with them', () => {
		const mark = { type: 'session.archived', source: 'manager' };
		expect(areMarks([mark])).toBe(true);
		expect(areMarks([])).toBe(false);
		expect(areMarks([mark, { type: 'session.start_requested', source: 'manager' }])).toBe(false);
		expect(areMarks([{ ...mark, source: 'runner' }])).toBe(false);
	});
});
