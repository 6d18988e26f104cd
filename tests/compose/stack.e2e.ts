/** The stack as a person has it: built, used, taken down, back again; and what it says when something is wrong. */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { transcriptHash } from '../../src/lib/domain/canonical-json.ts';
import { until } from '../support/app.ts';
import { makeComposeStack, OWNER, type ComposeStack } from './compose-stack.ts';

test.describe.configure({ mode: 'serial', timeout: 240_000 });

let stack: ComposeStack;
let sessionId = '';

test.beforeAll(async () => {
	test.setTimeout(1_800_000);
	const made = await makeComposeStack();
	if ('skipped' in made) return test.skip(true, made.skipped);
	stack = made;
	return stack.up('--build');
});
test.afterAll(async () => {
	test.setTimeout(120_000);
	await stack?.close();
});

/** `docker inspect` of a service's container, with a Go template. */
const inspect = async (service: string, format: string): Promise<string> => {
	const id = (await stack.compose(['ps', '--all', '--quiet', service])).trim();
	return (await stack.docker('inspect', '--format', format, id)).trim();
};

const sandboxes = async (): Promise<string[]> =>
	(
		await stack.docker(
			'ps',
			'--format',
			'{{.Names}}',
			'--filter',
			`label=agent-manager.session=${sessionId}`
		)
	)
		.trim()
		.split('\n')
		.filter((name) => name !== '');

test('a session runs to its commit, in a sandbox that the app’s container has started', async ({
	page
}) => {
	await page.goto(stack.app.link);
	await page.getByLabel('Repository').fill(stack.repo);
	await page.getByRole('button', { name: 'Add repo' }).click();
	await expect(page).toHaveURL(/\/repos\//);
	await page.getByLabel('What should the agent do?').fill('Add a note about sums and commit it.');
	await page.getByRole('button', { name: 'Start session' }).click();
	await expect(page).toHaveURL(/\/sessions\//);
	sessionId = page.url().split('/').at(-1) ?? '';
	const status = page.getByTestId('session-status').first();
	await expect(status).toHaveAttribute('data-waiting-for', 'input', { timeout: 90_000 });
	await expect(page.getByRole('log')).toContainText('This was the demo model');
	expect(await stack.app.session(sessionId)).toMatchObject({ driver: 'docker', commitCount: 1 });
	expect(await sandboxes()).toEqual([`agent-session-${sessionId}`]);
	expect(statSync(join(stack.app.workspace, 'worktrees', sessionId)).uid).toBe(OWNER);
});

test('the app is nobody’s root, has no socket of the engine, and no secret in its image', async () => {
	const mounts = await inspect('app', '{{range .Mounts}}{{.Source}} {{.Destination}}\n{{end}}');
	expect(mounts).not.toContain('/docker/docker.sock ');
	expect(mounts).toContain(`${stack.app.workspace} ${stack.app.workspace}`);
	expect(
		await inspect('app', '{{.Config.User}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}}')
	).toBe(`${OWNER}:${OWNER} true [ALL]`);
	expect(await inspect('app', '{{json .HostConfig.PortBindings}}')).toContain(
		'"HostIp":"127.0.0.1"'
	);
	expect(await inspect('database', '{{json .HostConfig.PortBindings}}')).toContain(
		'"HostIp":"127.0.0.1"'
	);
	const files = await stack.docker(
		'run',
		'--rm',
		'--network',
		'none',
		'agent-manager:latest',
		'ls',
		'-A',
		'/app'
	);
	expect(files.trim().split('\n')).toEqual([
		'.npmrc',
		'build',
		'docker',
		'drizzle',
		'node_modules',
		'package-lock.json',
		'package.json',
		'packages'
	]);
});

test('what the app has no need of is refused on its way to the engine', async () => {
	const ask = async (method: string, path: string, body: object = {}): Promise<number> => {
		const program = `
			const [method, path, body] = process.argv.slice(1);
			const asking = require('node:http').request({ socketPath: '/engine/docker.sock', method, path },
				({ statusCode }) => { console.log(statusCode); process.exit(); });
			asking.setHeader('content-type', 'application/json');
			asking.end(method === 'POST' ? body : undefined);`;
		const args = [
			'exec',
			'--no-TTY',
			'app',
			'node',
			'-e',
			program,
			method,
			path,
			JSON.stringify(body)
		];
		return Number(await stack.compose(args));
	};
	expect(await ask('GET', '/version')).toBe(200);
	expect(await ask('GET', `/containers/agent-session-${sessionId}/json`)).toBe(200);
	const database = (await stack.compose(['ps', '--quiet', 'database'])).trim();
	expect(await ask('GET', `/containers/${database}/json`)).toBe(403);
	expect(await ask('POST', `/containers/${database}/exec`, { Cmd: ['id'] })).toBe(403);
	expect(await ask('DELETE', `/containers/${database}?force=true`)).toBe(403);
	const privileged = {
		Image: 'agent-manager-sandbox:compose',
		HostConfig: { Privileged: true, Binds: ['/:/host'] }
	};
	expect(await ask('POST', '/containers/create', privileged)).toBe(403);
	expect(await stack.logs('engine')).toContain('refused POST /containers/create: the container: ');
});

test('`down` and `up` keep all of it, and the agent goes on meanwhile', async () => {
	const before = await stack.app.events(sessionId);
	const [sandbox] = await sandboxes();
	await stack.compose(['down']);
	expect(await sandboxes()).toEqual([sandbox]);
	await stack.up();
	const after = await stack.app.events(sessionId);
	expect(transcriptHash(after.slice(0, before.length))).toBe(transcriptHash(before));
	const { status } = await stack.app.api('POST', `/api/sessions/${sessionId}/messages`, {
		message: 'What did you do?'
	});
	expect(status).toBeLessThan(300);
	await stack.app.sessionWhere(
		sessionId,
		({ turns, status: now }) => turns === 2 && now === 'waiting',
		'the second turn'
	);
	expect(await sandboxes()).toEqual([sandbox]);
});

test('`down -v` removes the database only: sandboxes without a row are stopped, worktrees are kept', async () => {
	await stack.compose(['down', '--volumes']);
	expect(await sandboxes()).toHaveLength(1);
	await stack.up();
	expect((await stack.app.api('GET', '/api/repos')).body.repos).toEqual([]);
	await until(async () => (await sandboxes()).length === 0, 'the end of the sandbox');
	expect(existsSync(join(stack.app.workspace, 'worktrees', sessionId, 'a.txt'))).toBe(true);
});

test('a wrong password, an old volume and no engine are each said in words', async () => {
	const fails = async (env: Record<string, string>): Promise<string> => {
		await stack.compose(['down', '--timeout', '5']);
		return stack.compose(['up', '--detach'], env).then(
			() => 'it came up',
			(error: { stderr: string }) => error.stderr
		);
	};
	await stack.compose(['up', '--detach'], { POSTGRES_PASSWORD: 'another' });
	await until(
		async () => /password authentication failed/.test(await stack.logs('app')),
		'words about the password'
	);
	expect(await stack.logs('app')).toContain('POSTGRES_PASSWORD');

	expect(await fails({ DOCKER_SOCKET: '/nowhere/docker.sock' })).toContain(
		'bind source path does not exist: /nowhere/docker.sock'
	);
	const notASocket = join(stack.app.home, 'no-socket');
	mkdirSync(notASocket);
	expect(await fails({ DOCKER_SOCKET: notASocket })).toContain(
		`"agent-image" didn't complete successfully`
	);
	expect(await stack.logs('agent-image')).toContain(
		`The Docker engine does not answer at ${notASocket}`
	);

	await stack.docker('tag', 'agent-manager-postgres:test', 'postgres:99-bookworm');
	expect(await fails({ POSTGRES_MAJOR: '99' })).toContain(`"prepare" didn't complete successfully`);
	await stack.docker('rmi', 'postgres:99-bookworm');
	expect(await stack.logs('prepare')).toMatch(/was made by PostgreSQL \d+, and this stack runs 99/);
});
