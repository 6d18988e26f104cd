/**
 * A database folder as a first start leaves it, copied to the workspaces of the apps of end-to-end tests: each would
 * need two seconds of a processor to make the same. `start.e2e.ts` has apps that begin with nothing.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

const VARIABLE = 'AGENT_MANAGER_TEST_DATABASE';

/** For this process and those it starts. */
export const offerDatabaseTemplate = (folder: string): void => {
	process.env[VARIABLE] = folder;
};

/** Does nothing where there is a database already, or no template. */
export const copyDatabaseTemplate = (workspace: string): void => {
	const template = process.env[VARIABLE];
	const folder = join(workspace, 'postgres');
	if (!template || existsSync(folder)) return;
	mkdirSync(workspace, { recursive: true, mode: 0o755 });
	execFileSync('cp', ['-a', template, folder]);
};
