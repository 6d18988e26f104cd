/**
 * What an orchestrator may do, decided by the manager: whatever its agent read or was told, this is
 * asked before each deed.
 */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { PendingRequest, PermissionMode, Session } from '@agent-manager/protocol/session.ts';
import { wireError } from './errors.ts';
import { isLive } from './session-machine.ts';
import { needsAttention } from './session-wait.ts';

export interface OrchestratorCaps {
	/** Sessions that it may start over its whole life. */
	sessions: number;
	/** Sessions of it that may be at work at once. */
	running: number;
}

type Counted = Parameters<typeof needsAttention>[0];

const atWork = (session: NonNullable<Counted>): boolean => !needsAttention(session);

/** May it start one more, having started these? null: yes. */
export const startRefusal = (
	started: readonly NonNullable<Counted>[],
	caps: OrchestratorCaps
): WireError | null => {
	if (started.length >= caps.sessions) {
		return wireError('orchestrator_limit', `You have started ${started.length} sessions.`, {
			hint: `That is all you may start (${caps.sessions}). Go on with those that are there.`
		});
	}
	const running = started.filter(atWork).length;
	return running < caps.running
		? null
		: wireError('orchestrator_limit', `${running} of your sessions are at work.`);
};

/** Tools that touch nothing but files of the child's own worktree. */
const FILE_TOOLS = new Set(['Read', 'Edit', 'MultiEdit', 'Write', 'NotebookEdit', 'Glob', 'Grep']);

/**
 * May an orchestrator that a person gave this mode decide this request of a session that it started?
 * To say no harms nothing. A command, and all else that may reach beyond files, is the person's to allow.
 */
export const decisionRefusal = (
	permissionMode: PermissionMode,
	{ kind, toolName }: Pick<PendingRequest, 'kind' | 'toolName'>,
	decision: 'allow' | 'deny'
): WireError | null => {
	if (decision === 'deny' || kind === 'question') return null;
	if (permissionMode === 'ask') {
		return wireError('not_permitted', 'The person decides on approvals and plans here.', {
			hint: 'You were started with “Ask before changes”. Tell the person what waits.'
		});
	}
	if (kind === 'plan' || FILE_TOOLS.has(toolName)) return null;
	return wireError('not_permitted', `Whether ${toolName} may run is the person’s to decide.`, {
		hint: 'Tell the person what waits, and wait for the session meanwhile.'
	});
};

/** Full autonomy is not given on by one that does not have it. */
export const childPermissionMode = (
	own: PermissionMode,
	asked: PermissionMode | undefined
): PermissionMode => (own === 'ask' ? 'ask' : (asked ?? 'full'));

/** Whether it still speaks for a live orchestrator of this start. */
export const hasRights = (
	{ role, status, ending }: Pick<Session, 'role' | 'status' | 'ending'>,
	current: { epoch: number },
	claimed: { epoch: number }
): boolean =>
	role === 'orchestrator' && isLive(status) && ending === null && current.epoch === claimed.epoch;
