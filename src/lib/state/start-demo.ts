/** The demo in one call: its orchestrator, which is live already or new. */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import { ok, type Result } from '#lib/domain/result.ts';
import { callApi } from './api-client.ts';

export const startDemo = async (): Promise<Result<Session, WireError>> => {
	const answer = await callApi<{ session: Session }>('/api/demo', { method: 'POST' });
	return answer.ok ? ok(answer.value.session) : answer;
};
