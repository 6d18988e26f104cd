/**
 * Builds the sandbox image through the engine's API, so that no docker command is needed: the same
 * Dockerfile and build arguments as `docker/build.sh`.
 */
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import type { Result } from '#lib/domain/result.ts';
import { fail, ok } from '#lib/domain/result.ts';
import type { DockerEngine } from './sandbox/docker-engine.ts';
import { engineError } from './sandbox/docker-engine.ts';

const CONTEXT_FILES = ['Dockerfile', 'agent-entrypoint.sh', 'agent-ws-client.js'];
const EXTRA_CA = 'extra-ca.crt';

const packageSchema = z.object({
	dependencies: z.object({ '@anthropic-ai/claude-agent-sdk': z.string().min(1) })
});

export interface ImageBuildOptions {
	engine: DockerEngine;
	/** Name and tag of the image. */
	image: string;
	/** The project's `docker` folder, with the bundled runner in it. */
	dockerFolder: string;
	/** `package.json` of the runner: it pins the version of the Agent SDK. */
	runnerPackagePath: string;
	/** Certificate authorities that the build's npm shall trust, or null. */
	extraCaPath: string | null;
	/** Network of the build steps; the engine's default when left out. */
	networkMode?: string;
	/** Each line that the build says, as it comes. */
	onLine(line: string): void;
	signal: AbortSignal;
}

/**
 * Builds and tags the image. Errors: `sandbox_image_missing` when a file of the context is missing or a
 * step fails (the message is the engine's), `engine_unreachable`, `disk_full`.
 */
export const buildImage = async (options: ImageBuildOptions): Promise<Result<void, WireError>> => {
	const { engine, image, dockerFolder, extraCaPath, networkMode, onLine, signal } = options;
	const folder = await mkdtemp(join(tmpdir(), 'agent-manager-image-'));
	try {
		const manifest = packageSchema.parse(
			JSON.parse(await readFile(options.runnerPackagePath, 'utf8'))
		);
		for (const file of CONTEXT_FILES) await copyFile(join(dockerFolder, file), join(folder, file));
		if (extraCaPath !== null) await copyFile(extraCaPath, join(folder, EXTRA_CA));
		const built = await engine.build(
			{
				folder,
				files: extraCaPath === null ? CONTEXT_FILES : [...CONTEXT_FILES, EXTRA_CA],
				tag: image,
				buildArgs: { SDK_VERSION: manifest.dependencies['@anthropic-ai/claude-agent-sdk'] },
				networkMode
			},
			onLine,
			signal
		);
		return built.ok ? ok() : fail(engineError(built.error, 'sandbox_image_missing'));
	} catch (error) {
		const why = error instanceof Error ? error.message : String(error);
		return fail(wireError('sandbox_image_missing', `The image could not be built: ${why}`));
	} finally {
		await rm(folder, { recursive: true, force: true });
	}
};
