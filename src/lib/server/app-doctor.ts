/**
 * The second composition root: `doctor` puts the app's own parts together, but starts none. Called
 * by `scripts/doctor.mjs`, which gives it the means to run programs.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createUpstreamResolver } from './model/upstream.ts';
import { createGuards } from './app-guards.ts';
import { createSandboxes } from './app-sandboxes.ts';
import { describeConfig, loadConfig, type Config } from './config.ts';
import { readDotEnv, readFileIfThere } from './config-process.ts';
import { failed, type Check } from './health/check.ts';
import type { BackportTools } from './health/backports.ts';
import { checkGithub, checkModel } from './health/check-accounts.ts';
import { checkDatabase } from './health/check-database.ts';
import { checkPort, checkWorkspace } from './health/check-machine.ts';
import { checkGit, checkNode } from './health/check-programs.ts';
import { checkContainerPrograms, checkDrivers } from './health/check-sandbox.ts';
import { runChecks, type DoctorReport, type NamedCheck } from './health/doctor.ts';
import type { SettingRow } from './health/report-text.ts';
import { createLogger } from './logger.ts';
import type { DriverCheck } from './runner/sandbox/driver.ts';

export interface DoctorOptions {
	tools: BackportTools;
	env: Readonly<Record<string, string | undefined>>;
	homeDirectory: string;
	nodeVersion: string;
}

export interface DoctorOutcome {
	report: DoctorReport;
	/** Empty when the configuration itself is wrong. */
	settings: SettingRow[];
}

export async function examine(options: DoctorOptions): Promise<DoctorOutcome> {
	const { env, homeDirectory, nodeVersion, tools } = options;
	const dotEnv = readDotEnv();
	const loaded = loadConfig({ env, dotEnv, homeDirectory, readFile: readFileIfThere });
	const always: NamedCheck[] = [
		['Node', async () => checkNode(nodeVersion)],
		['git', () => checkGit(tools)]
	];
	if (!loaded.ok) {
		const problems: NamedCheck[] = loaded.error.map(({ message }) => [
			'Settings',
			async () => failed('Settings', message, 'Correct it: the app does not start with it.')
		]);
		return { report: await runChecks([...always, ...problems]), settings: [] };
	}
	const config = loaded.value;
	const checks = [...always, ...checksFor(config, { ...options, env: { ...dotEnv, ...env } })];
	return { report: await runChecks(checks), settings: describeConfig(config) };
}

function checksFor(config: Config, options: DoctorOptions): NamedCheck[] {
	const { env, homeDirectory, tools } = options;
	const model = createUpstreamResolver({
		setting: config.modelUpstream,
		env,
		homeDirectory,
		demo: () => Promise.reject(new Error('The doctor asks no model.')),
		now: Date.now
	});
	return [
		['Sandbox', () => checkSandboxes(config, tools)],
		['Database', () => checkDatabase(config.databaseUrl, config.workspaceRoot)],
		['Port', () => checkPort(config.host, config.port)],
		['Workspace', () => checkWorkspace(config.workspaceRoot)],
		['Model', async () => checkModel(await model.describe(), config.modelUpstream)],
		['GitHub', () => checkGithub(tools.run, env)]
	];
}

/** The drivers keep small files of their own; here in a folder that is removed again. */
async function checkSandboxes(config: Config, tools: BackportTools): Promise<Check[]> {
	const scratch = await mkdtemp(join(tmpdir(), 'agent-manager-doctor-'));
	try {
		const drivers = createSandboxes({
			config: { ...config, workspaceRoot: scratch },
			logger: createLogger({ level: 'silent', pretty: false }),
			// A look changes nothing, so it needs no lease; and the folder was made just now.
			guards: createGuards(() => Promise.resolve(), {
				problem: () => Promise.resolve(null),
				confirm: () => Promise.resolve()
			}),
			onChange: () => undefined
		});
		const checked = await Promise.all(
			drivers.all().map(async (driver) => [driver.kind, await driver.check()] as const)
		);
		const { docker = NO_DRIVER, bubblewrap = NO_DRIVER } = Object.fromEntries(checked);
		const rows = checkDrivers({
			wish: config.sandboxDriver,
			image: config.containerImage,
			docker,
			bubblewrap
		});
		if (config.sandboxDriver === 'bubblewrap') return rows;
		return [...rows, ...(await checkContainerPrograms(docker, tools))];
	} finally {
		await rm(scratch, { recursive: true, force: true });
	}
}

const NO_DRIVER: DriverCheck = {
	available: false,
	limited: false,
	outdated: false,
	version: null,
	problem: null,
	notes: []
};
