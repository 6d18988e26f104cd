/** The app's sandbox drivers, from its configuration. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Guards } from './app-guards.ts';
import type { Config } from './config.ts';
import type { Logger } from './logger.ts';
import type { Launch } from './programs/launch.ts';
import { findProjectRoot } from './project-root.ts';
import { createDrivers, type Drivers } from './runner/driver-choice.ts';
import { buildImage, imageSources } from './runner/image-build.ts';
import { createBubblewrapDriver } from './runner/sandbox/bubblewrap.ts';
import { connectDocker, createDockerDriver } from './runner/sandbox/docker-connection.ts';

export interface AppSandboxesOptions {
	config: Config;
	logger: Logger;
	guards: Guards;
	/** How short programs are started; default: as children of this process. */
	launch?: Launch;
	onChange: () => void;
}

/** The agent's own binary for this platform, as npm installed it. */
const findClaude = (): string => {
	const require = createRequire(join(findProjectRoot(), 'packages/runner/package.json'));
	const packages = [
		`@anthropic-ai/claude-agent-sdk-${process.platform}-${process.arch}`,
		`@anthropic-ai/claude-agent-sdk-${process.platform}-${process.arch}-musl`
	];
	for (const name of packages) {
		try {
			return join(require.resolve(`${name}/package.json`), '..', 'claude');
		} catch {
			continue;
		}
	}
	return 'claude';
};

export const createSandboxes = (options: AppSandboxesOptions): Drivers => {
	const { config, logger, guards, launch, onChange } = options;
	const root = findProjectRoot();
	const dockerFolder = join(root, 'docker');
	const engine = connectDocker();
	const files = { dockerFolder, runnerPackagePath: join(root, 'packages/runner/package.json') };
	// Those of this app as it was started: files that an upgrade changes meanwhile are the next one's.
	const sources = imageSources(files);
	const extraCa = process.env.NODE_EXTRA_CA_CERTS ?? '';
	return createDrivers({
		wish: config.sandboxDriver,
		docker: guards.driver(
			createDockerDriver({
				image: config.containerImage,
				sources: () => sources,
				logger,
				engine
			})
		),
		bubblewrap: guards.driver(
			createBubblewrapDriver({
				stateDirectory: join(config.workspaceRoot, 'sandboxes'),
				runnerBundlePath: join(dockerFolder, 'agent-ws-client.js'),
				claudePath: findClaude(),
				nodePath: process.execPath,
				launch,
				logger
			})
		),
		buildImage: (onLine) =>
			buildImage({
				engine,
				image: config.containerImage,
				...files,
				extraCaPath: extraCa !== '' && existsSync(extraCa) ? extraCa : null,
				onLine,
				signal: AbortSignal.timeout(60 * 60_000)
			}),
		logger,
		nowMs: () => performance.now(),
		onChange
	});
};
