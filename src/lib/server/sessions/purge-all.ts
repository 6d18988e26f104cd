/** Purges every session of a repo and waits until they are gone: a removal of the repo needs it. */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { RepoId } from '@agent-manager/protocol/ids.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { Hub } from './hub.ts';
import type { SessionService } from './session-service.ts';

const TIMEOUT_MS = 120_000;

/** Error: `repo_in_use` when some are left after two minutes, or can't be purged. */
export const purgeAllSessions = async (
	sessions: SessionService,
	hub: Hub,
	repoId: RepoId
): Promise<Result<void, WireError>> => {
	const left = new Set<string>((await sessions.list(repoId)).map(({ id }) => id));
	const gone = new Promise<boolean>((resolve) => {
		const timer = setTimeout(() => end(false), TIMEOUT_MS);
		const stopListening = hub.onList((signal) => {
			if (signal.type !== 'session_removed') return;
			left.delete(signal.sessionId);
			if (left.size === 0) end(true);
		});
		const end = (all: boolean): void => {
			clearTimeout(timer);
			stopListening();
			resolve(all);
		};
		if (left.size === 0) end(true);
	});
	for (const id of [...left]) {
		const purged = await sessions.plain(id as Parameters<SessionService['plain']>[0], 'purge');
		if (!purged.ok && purged.error.code === 'session_not_found') left.delete(id);
	}
	if (await gone) return ok();
	return fail(
		wireError('repo_in_use', `${left.size} sessions could not be purged in time.`, {
			hint: 'Look at their pages for the reason, then remove the repo again.'
		})
	);
};
