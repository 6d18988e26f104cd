/**
 * What an orchestrator may do, decided by the manager: whatever its agent read or was told, this is
 * asked before each deed.
 */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { PermissionMode, Session } from '@agent-manager/protocol/session.ts';
import { wireError } from './errors.ts';
import type { Decider } from './orchestrator-decisions.ts';
import { isLive } from './session-machine.ts';
import { isAtRest, type Waited } from './session-wait.ts';

export interface OrchestratorCaps {
	/** Sessions that it may start over its whole life. */
	sessions: number;
	/** Sessions of it that may be at work at once. */
	running: number;
}

/** May it start one more, having started these? null: yes. */
export const startRefusal = (
	own: Decider,
	started: readonly Waited[],
	caps: OrchestratorCaps
): WireError | null => {
	if (started.length >= caps.sessions) {
		return wireError('orchestrator_limit', `You have started ${started.length} sessions.`, {
			hint: `That is all you may start (${caps.sessions}). Go on with those that are there.`
		});
	}
	const running = started.filter((session) => !isAtRest(session, own)).length;
	return running < caps.running
		? null
		: wireError('orchestrator_limit', `${running} of your sessions are at work.`);
};

/** Full autonomy is not given on by one that does not have it. */
export const childPermissionMode = (
	own: PermissionMode,
	asked: PermissionMode | undefined
): PermissionMode => (own === 'full' ? (asked ?? 'full') : 'ask');

/** Whether it still speaks for a live orchestrator of this start. */
export const hasRights = (
	{ role, status, ending }: Pick<Session, 'role' | 'status' | 'ending'>,
	current: { epoch: number },
	claimed: { epoch: number }
): boolean =>
	role === 'orchestrator' && isLive(status) && ending === null && current.epoch === claimed.epoch;
