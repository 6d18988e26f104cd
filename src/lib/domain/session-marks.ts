/**
 * What a person does with a session's place in the lists: its title, a pin, the archive. They go the
 * road of every command, because an archive must be decided together with the status (a resume may be
 * on its way), and because a row that changed without its log's head would overtake or be overtaken by
 * another. They are no sign of life: neither the age of a session nor its sleep depends on them.
 */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { ManagerEventPayload, ManagerEventType } from '@agent-manager/protocol/events.ts';
import type { MessageFrom } from '@agent-manager/protocol/session.ts';
import { cleanLine } from './clean-text.ts';
import { wireError } from './errors.ts';
import { fail, ok, type Result } from './result.ts';
import type { SessionState } from './session-state.ts';

export type SessionMark =
	| { type: 'rename'; title: string }
	| { type: 'pin' }
	| { type: 'unpin' }
	| { type: 'archive'; by: MessageFrom }
	| { type: 'unarchive' };

const MARK_EVENTS = [
	'session.renamed',
	'session.pinned',
	'session.unpinned',
	'session.archived',
	'session.unarchived'
] as const satisfies readonly ManagerEventType[];
type MarkEventType = (typeof MARK_EVENTS)[number];

export type MarkEvent = {
	[T in MarkEventType]: { type: T; payload: ManagerEventPayload<T> };
}[MarkEventType];

const isMark = ({ type, source }: { type: string; source: string }): boolean =>
	source === 'manager' && (MARK_EVENTS as readonly string[]).includes(type);

/** Nothing but marks: the session itself has done nothing. */
export const areMarks = (events: readonly { type: string; source: string }[]): boolean =>
	events.length > 0 && events.every(isMark);

const archive = (
	state: SessionState,
	by: MessageFrom,
	isLive: boolean
): Result<MarkEvent[], WireError> => {
	if (state.archivedAt !== null) return ok([]);
	if (isLive || state.ending !== null) {
		return fail(wireError('session_live', 'A live session can’t be archived.'));
	}
	return ok([{ type: 'session.archived', payload: { by } }]);
};

/** Asked for twice is asked for once. */
export const decideMark = (
	state: SessionState,
	mark: SessionMark,
	isLive: boolean
): Result<MarkEvent[], WireError> => {
	switch (mark.type) {
		case 'rename': {
			const title = cleanLine(mark.title);
			if (title === '') return fail(wireError('bad_request', 'title: must not be empty'));
			return ok(title === state.title ? [] : [{ type: 'session.renamed', payload: { title } }]);
		}
		case 'pin':
			return ok(state.pinnedAt === null ? [{ type: 'session.pinned', payload: {} }] : []);
		case 'unpin':
			return ok(state.pinnedAt === null ? [] : [{ type: 'session.unpinned', payload: {} }]);
		case 'archive':
			return archive(state, mark.by, isLive);
		case 'unarchive':
			return ok(state.archivedAt === null ? [] : [{ type: 'session.unarchived', payload: {} }]);
	}
};
