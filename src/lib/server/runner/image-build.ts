/**
 * Builds the sandbox image through the engine's API, so that no docker command is needed: the same
 * Dockerfile and build arguments as `docker/build.sh`.
 */
import { createHash } from 'node:crypto';
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
import { IMAGE_LABEL, SOURCES_LABEL } from './sandbox/labels.ts';

const CONTEXT_FILES = ['Dockerfile', 'agent-entrypoint.sh', 'agent-ws-client.js'];
const EXTRA_CA = 'extra-ca.crt';

const packageSchema = z.object({
	dependencies: z.object({ '@anthropic-ai/claude-agent-sdk': z.string().min(1) })
});

const readSdkVersion = async (runnerPackagePath: string): Promise<string> => {
	const manifest = packageSchema.parse(JSON.parse(await readFile(runnerPackagePath, 'utf8')));
	return manifest.dependencies['@anthropic-ai/claude-agent-sdk'];
};

/** As `docker/build.sh` does it: the files one after the other, then the version. */
const hashSources = async (folder: string, sdkVersion: string): Promise<string> => {
	const hash = createHash('sha256');
	for (const file of CONTEXT_FILES) hash.update(await readFile(join(folder, file)));
	return hash.update(sdkVersion).digest('hex');
};

/** Hash of what the image is made from; null when a part of it is missing. */
export const imageSources = async ({
	dockerFolder,
	runnerPackagePath
}: Pick<ImageBuildOptions, 'dockerFolder' | 'runnerPackagePath'>): Promise<string | null> => {
	try {
		return await hashSources(dockerFolder, await readSdkVersion(runnerPackagePath));
	} catch {
		return null;
	}
};

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
	/** Each line that the build says, as it comes. */
	onLine(line: string): void;
	signal: AbortSignal;
}

/**
 * Builds and tags the image. Errors: `sandbox_image_missing` when a file of the context is missing or a
 * step fails (the message is the engine's), `engine_unreachable`, `disk_full`.
 */
export const buildImage = async (options: ImageBuildOptions): Promise<Result<void, WireError>> => {
	const { engine, image, dockerFolder, extraCaPath, onLine, signal } = options;
	const folder = await mkdtemp(join(tmpdir(), 'agent-manager-image-'));
	try {
		const sdkVersion = await readSdkVersion(options.runnerPackagePath);
		for (const file of CONTEXT_FILES) await copyFile(join(dockerFolder, file), join(folder, file));
		if (extraCaPath !== null) await copyFile(extraCaPath, join(folder, EXTRA_CA));
		const built = await engine.build(
			{
				folder,
				files: extraCaPath === null ? CONTEXT_FILES : [...CONTEXT_FILES, EXTRA_CA],
				tag: image,
				labels: {
					[IMAGE_LABEL]: image,
					[SOURCES_LABEL]: await hashSources(folder, sdkVersion)
				},
				buildArgs: { SDK_VERSION: sdkVersion }
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
