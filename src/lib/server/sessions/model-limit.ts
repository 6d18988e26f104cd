/** That the model refuses, for a limit or a login that ran out: said of the session until it answers again. */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { isLive } from '#lib/domain/session-machine.ts';
import type { SessionLog } from './session-log.ts';

export const modelRefused = async (
	log: SessionLog,
	sessionId: SessionId,
	error: WireError
): Promise<void> => {
	await log.record(sessionId, (state) =>
		isLive(state.status) && state.limit?.message !== error.message
			? [{ type: 'session.limit_reached', payload: { error } }]
			: []
	);
};

export const modelAnswered = async (log: SessionLog, sessionId: SessionId): Promise<void> => {
	const cell = await log.find(sessionId);
	if (!cell?.state.limit) return;
	await log.record(sessionId, (state) =>
		state.limit ? [{ type: 'session.limit_lifted', payload: {} }] : []
	);
};
