/** Runs once before the end-to-end tests: makes the database that their apps begin with. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedPostgres } from '../../src/lib/server/db/embedded-postgres.ts';
import { migrateDatabase } from '../../src/lib/server/db/migrate.ts';
import { offerDatabaseTemplate } from './database-template.ts';

export default async function setup(): Promise<() => void> {
	const root = mkdtempSync(join(tmpdir(), 'am-database-'));
	const folder = join(root, 'postgres');
	const server = await startEmbeddedPostgres({ folder });
	if (!server.ok) throw new Error(server.error.message);
	const migrated = await migrateDatabase({ url: server.value.url, fence: null });
	await server.value.stop();
	if (!migrated.ok) throw new Error(migrated.error.message);
	offerDatabaseTemplate(folder);
	return () => rmSync(root, { recursive: true, force: true });
}
