/**
 * Runs once before the Node tests: keeps them away from the developer's own git settings,
 * credentials and workspace, so that they give the same answers on every machine.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Would make a test reach a real account, a real database or the workspace in use. */
const LEAKS = [
	'ANTHROPIC_API_KEY',
	'ANTHROPIC_AUTH_TOKEN',
	'ANTHROPIC_BASE_URL',
	'CLAUDE_CODE_OAUTH_TOKEN',
	'DATABASE_URL',
	'GH_TOKEN',
	'GITHUB_TOKEN',
	'WORKSPACE_ROOT',
	'GIT_DIR',
	'GIT_WORK_TREE',
	'GIT_INDEX_FILE'
];

export default async function setup(): Promise<() => Promise<void>> {
	const folder = await mkdtemp(join(tmpdir(), 'am-test-'));
	const gitConfig = join(folder, 'gitconfig');
	await writeFile(
		gitConfig,
		'[user]\n\tname = Test Person\n\temail = test@example.com\n[init]\n\tdefaultBranch = main\n'
	);
	for (const name of LEAKS) delete process.env[name];
	process.env.GIT_CONFIG_GLOBAL = gitConfig;
	process.env.GIT_CONFIG_NOSYSTEM = '1';
	return () => rm(folder, { recursive: true, force: true });
}
