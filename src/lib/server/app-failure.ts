/** What an error that nobody expected means for who asked. */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { isDiskFull, isTransient } from './db/connection-errors.ts';
import { WorkspaceGone } from './access/workspace-presence.ts';

/** `problem`: what is known to be the matter with the database. */
export const explainFailure = (cause: unknown, problem: WireError | null): WireError => {
	if (isDiskFull(cause)) {
		return wireError('disk_full', 'The disk is full: nothing can be written down.', {
			hint: 'Free disk space under the workspace folder. Sessions wait meanwhile and go on by themselves.'
		});
	}
	if (cause instanceof WorkspaceGone) return cause.wire;
	if (!isTransient(cause)) return wireError('internal', 'Something went wrong.');
	const passing = wireError('database_unreachable', 'The database does not answer just now.', {
		hint: 'It is tried again; sessions go on meanwhile.'
	});
	return problem ?? passing;
};
