/**
 * Mode, model and effort of a session: changed at any time, in a turn, between turns and while no agent is
 * there. What a person wants is in the state; the runner gets the whole of it, so that applying it twice, or
 * late, does no harm.
 */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { ManagerEventPayload } from '@agent-manager/protocol/events.ts';
import type { Configure } from '@agent-manager/protocol/requests.ts';
import { COMMAND_SINCE, type RunnerCommand } from '@agent-manager/protocol/runner-frames.ts';
import type { PermissionMode } from '@agent-manager/protocol/session.ts';
import { wireError } from './errors.ts';
import { fail, ok, type Result } from './result.ts';
import type { Decision } from './session-decisions.ts';
import { isLive } from './session-machine.ts';
import type { SessionState } from './session-state.ts';

export type ConfigureCommand = { type: 'configure'; commandId: string } & Configure;

type Configured = ManagerEventPayload<'session.configured'>;

/** The fold of the event. */
export const withConfiguration = (state: SessionState, change: Configured): SessionState => {
	const { commandId, permissionMode = state.permissionMode } = change;
	const { model = state.model, effort = state.effort } = change;
	const next: SessionState = { ...state, permissionMode, model, effort, configuredBy: commandId };
	return permissionMode === 'plan' ? next : { ...next, modeBeforePlan: permissionMode };
};

/** The whole configuration as the state has it. */
export const configureRunner = (
	{ permissionMode, model, effort }: SessionState,
	commandId: string
): Extract<RunnerCommand, { type: 'configure' }> => ({
	type: 'configure',
	...{ commandId, permissionMode, model, effort }
});

const changesOf = (state: SessionState, command: ConfigureCommand): Partial<Configured> => {
	const { permissionMode, model, effort } = command;
	return {
		...(permissionMode !== undefined && permissionMode !== state.permissionMode
			? { permissionMode }
			: {}),
		...(model !== undefined && model !== state.model ? { model } : {}),
		...(effort !== undefined && effort !== state.effort ? { effort } : {})
	};
};

/** A runner of an earlier version has no ear for it. */
export const isTooOld = ({ runnerUp, runnerVersion }: SessionState): boolean =>
	runnerUp && runnerVersion !== null && runnerVersion < COMMAND_SINCE.configure;

export const tooOld = (): WireError =>
	wireError('not_supported', 'The sandbox of this session is of an earlier version.', {
		hint: 'Stop and resume the session first.'
	});

export const decideConfigure = (
	state: SessionState,
	command: ConfigureCommand
): Result<Decision, WireError> => {
	const changes = changesOf(state, command);
	if (Object.keys(changes).length === 0) return ok({ events: [], runnerCommands: [] });
	if (isTooOld(state)) {
		return fail(tooOld());
	}
	const { commandId } = command;
	const payload = { commandId, ...changes };
	// Without a sandbox the next start takes it from the state.
	const hasAgent = isLive(state.status) && !state.asleep && state.ending === null;
	return ok({
		events: [{ type: 'session.configured', payload }],
		runnerCommands: hasAgent ? [configureRunner(withConfiguration(state, payload), commandId)] : []
	});
};

/** The mode in which the agent goes on when its plan is approved. */
export const modeAfterPlan = (
	state: SessionState,
	asked: PermissionMode | undefined
): PermissionMode =>
	asked ?? (state.permissionMode === 'plan' ? state.modeBeforePlan : state.permissionMode);
