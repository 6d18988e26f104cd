/**
 * A person's commit, push or update from base: decided here, carried out by the manager's git actions.
 * One at a time; what changes the worktree waits until the agent is idle.
 */
import type { GitActionRequest } from '@agent-manager/protocol/changes.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from './errors.ts';
import { fail, ok, type Result } from './result.ts';
import type { Decision } from './session-decisions.ts';
import type { SessionState } from './session-state.ts';

export interface GitCommand {
	type: 'git';
	commandId: string;
	request: GitActionRequest;
}

const objection = (state: SessionState, { kind }: GitActionRequest): WireError | null => {
	if (state.ending === 'purge') return wireError('session_purged', 'The session is being purged.');
	if (state.gitAction?.status === 'running') {
		return wireError('session_busy', 'Another commit, push or update is under way.', {
			hint: 'Wait until it has ended.'
		});
	}
	if (kind === 'push') {
		return state.headCommit === null || state.commitCount === 0
			? wireError('nothing_to_do', 'The branch has no commits of its own yet.', {
					hint: 'Commit something first.'
				})
			: null;
	}
	if (state.baseCommit === null) {
		return wireError('worktree_not_ready', 'The session has no worktree yet.', {
			hint: 'Wait until it has started.'
		});
	}
	return state.openTurn !== null || state.settling
		? wireError('session_busy', 'The agent is at work in the worktree.')
		: null;
};

export const decideGit = (
	state: SessionState,
	{ commandId, request }: GitCommand
): Result<Decision, WireError> => {
	const refusal = objection(state, request);
	if (refusal) return fail(refusal);
	return ok({
		events: [{ type: 'git.requested', payload: { commandId, request } }],
		runnerCommands: []
	});
};
