/**
 * Gives each test run a folder for one PostgreSQL server, which the first `*.pg.test.ts` starts:
 * a run without such a test starts none.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import type { TestProject } from 'vitest/node';
import { stopTestServer } from './postgres.ts';

declare module 'vitest' {
	interface ProvidedContext {
		postgresFolder: string;
	}
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
	const folder = await mkdtemp(join(tmpdir(), 'am-pg-'));
	project.provide('postgresFolder', folder);
	return async () => {
		await stopTestServer(folder);
		await rm(folder, { recursive: true, force: true });
	};
}
