/** A push for somebody who goes on when it is done: asked for as a person does, and heard of by its end. */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { Hub } from './hub.ts';
import type { SessionService } from './session-service.ts';

const PUSH_MS = 120_000;

/** Errors: those of the push, and `git_timeout` when it is still under way after two minutes. */
export const pushAndWait = async (
	service: Pick<SessionService, 'get' | 'git'>,
	hub: Pick<Hub, 'onSession'>,
	id: SessionId
): Promise<Result<void, WireError>> => {
	const asked = await service.git(id, { kind: 'push', overwrite: null });
	if (!asked.ok) return asked;
	const { commandId } = asked.value;
	return new Promise((resolve) => {
		const end = (result: Result<void, WireError>): void => {
			clearTimeout(timer);
			forget();
			resolve(result);
		};
		const look = ({ gitAction }: Session): void => {
			if (!gitAction || gitAction.commandId !== commandId || gitAction.status === 'running') return;
			end(gitAction.error ? fail(gitAction.error) : ok());
		};
		const late = wireError('git_timeout', 'The push is still under way.', {
			hint: 'Wait until the branch is pushed, then try again.'
		});
		const timer = setTimeout(() => end(fail(late)), PUSH_MS);
		const forget = hub.onSession(id, (signal) => {
			if (signal.type === 'session') look(signal.session);
		});
		// It may have ended before anybody listened.
		void service.get(id).then((now) => (now.ok ? look(now.value) : end(now)));
	});
};
