/** What an orchestrator may decide in the place of a person, for the sessions that it started. */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { PendingRequest, PermissionMode, Session } from '@agent-manager/protocol/session.ts';
import { wireError } from './errors.ts';

/** An orchestrator, as far as it decides for others. */
export type Decider = Pick<Session, 'id' | 'permissionMode'>;

type Request = Pick<PendingRequest, 'kind' | 'toolName'>;

/** Tools that touch nothing but files of the child's own worktree. */
const FILE_TOOLS = new Set(['Read', 'Edit', 'MultiEdit', 'Write', 'NotebookEdit', 'Glob', 'Grep']);

/**
 * May an orchestrator that a person gave this mode decide this request of a session that it started?
 * To say no harms nothing. A command, and all else that may reach beyond files, is the person's to allow.
 */
export const decisionRefusal = (
	permissionMode: PermissionMode,
	{ kind, toolName }: Request,
	decision: 'allow' | 'deny'
): WireError | null => {
	if (decision === 'deny' || kind === 'question') return null;
	if (permissionMode !== 'full') {
		return wireError('not_permitted', 'The person decides on approvals and plans here.', {
			hint: 'You do not have full autonomy. Tell the person what waits.'
		});
	}
	if (kind === 'plan' || FILE_TOOLS.has(toolName)) return null;
	return wireError('not_permitted', `Whether ${toolName} may run is the person’s to decide.`, {
		hint: 'Tell the person what waits, and wait for the session meanwhile.'
	});
};

/** Those of the session's requests that this orchestrator may say yes to; the others are a person's. */
export const decidedBy = (
	decider: Decider,
	{ startedBy, pending }: Pick<Session, 'startedBy' | 'pending'>
): PendingRequest[] =>
	startedBy === decider.id
		? pending.filter((request) => !decisionRefusal(decider.permissionMode, request, 'allow'))
		: [];
