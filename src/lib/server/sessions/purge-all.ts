/** Purges every session of a repo and waits until they are gone: a removal of the repo needs it. */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { Hub } from './hub.ts';
import type { SessionService } from './session-service.ts';

const TIMEOUT_MS = 120_000;

const deferred = <T>(): { promise: Promise<T>; resolve: (value: T) => void } => {
	let resolve: (value: T) => void = () => undefined;
	const promise = new Promise<T>((settle) => (resolve = settle));
	return { promise, resolve };
};

/** Error: `repo_in_use` when some are left after two minutes, or can't be purged. */
export const purgeAllSessions = async (
	sessions: SessionService,
	hub: Hub,
	repoId: RepoId
): Promise<Result<void, WireError>> => {
	const left = new Set((await sessions.list({ repoId })).map(({ id }) => id));
	const { promise: gone, resolve } = deferred<boolean>();
	const done = (id: SessionId): void => {
		left.delete(id);
		if (left.size === 0) resolve(true);
	};
	const timer = setTimeout(() => resolve(false), TIMEOUT_MS);
	const stopListening = hub.onList((signal) => {
		if (signal.type === 'session_removed') done(signal.sessionId);
	});
	if (left.size === 0) resolve(true);
	for (const id of [...left]) {
		const purged = await sessions.plain(id, 'purge');
		if (!purged.ok && purged.error.code === 'session_not_found') done(id);
	}
	const allGone = await gone;
	clearTimeout(timer);
	stopListening();
	if (allGone) return ok();
	return fail(
		wireError('repo_in_use', `${left.size} sessions could not be purged in time.`, {
			hint: 'Look at their pages for the reason, then remove the repo again.'
		})
	);
};
