/** The database: the embedded one can be started or runs, the external one answers. */
import { join } from 'node:path';
import { waitForDatabase } from '#lib/server/db/client.ts';
import { redactUrl } from '#lib/server/db/database-url.ts';
import { inspectEmbeddedPostgres } from '#lib/server/db/embedded-postgres-status.ts';
import { failed, good, type Check } from './check.ts';

const NAME = 'Database';

export async function checkDatabase(
	databaseUrl: string | null,
	workspaceRoot: string
): Promise<Check> {
	if (databaseUrl !== null) {
		const trouble = await connect(databaseUrl);
		return trouble ?? good(NAME, `${redactUrl(databaseUrl)} answers`);
	}
	const folder = join(workspaceRoot, 'postgres');
	const inspected = await inspectEmbeddedPostgres(folder);
	if (!inspected.ok) {
		const { message, hint = '' } = inspected.error;
		return failed(NAME, message, hint);
	}
	const { version, state } = inspected.value;
	const name = `embedded PostgreSQL ${version}`;
	if (state.kind === 'absent') return good(NAME, `${name}, made at the first start`);
	if (state.kind === 'stopped') return good(NAME, `${name} in ${folder}, starts with the app`);
	return (await connect(state.url)) ?? good(NAME, `${name} in ${folder}, runs (pid ${state.pid})`);
}

/** One attempt. */
async function connect(url: string): Promise<Check | null> {
	const answered = await waitForDatabase({ url, timeoutMs: 0, onWaiting: () => undefined });
	if (answered.ok) return null;
	return failed(NAME, answered.error.message, answered.error.hint ?? '');
}
