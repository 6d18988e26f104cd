/** The image of the sandboxes, made before the app starts: what the Compose stack does first. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { Config } from './config.ts';
import { findProjectRoot } from './project-root.ts';
import { buildImage, imageSources } from './runner/image-build.ts';
import { connectDocker } from './runner/sandbox/docker-connection.ts';
import { engineError, type DockerEngine } from './runner/sandbox/docker-engine.ts';
import { isOutdated } from './runner/sandbox/labels.ts';

/** Its way to the engine may come up at the same moment. */
const PATIENCE_MS = 10_000;
const AGAIN_MS = 100;
const BUILD_LIMIT_MS = 60 * 60_000;

/** The image's labels; null when there is none. */
const lookPatiently = async (engine: DockerEngine, image: string) => {
	const end = performance.now() + PATIENCE_MS;
	for (;;) {
		const found = await engine.imageLabels(image);
		const isAway = !found.ok && found.error.kind === 'unreachable';
		if (!isAway || performance.now() > end) return found;
		await pause(AGAIN_MS);
	}
};

/** Builds it if it is missing, or ours and made from other sources; somebody's own is left alone. */
export const ensureAgentImage = async (
	{ containerImage: image }: Config,
	say: (line: string) => void
): Promise<Result<void, WireError>> => {
	const root = findProjectRoot();
	const engine = connectDocker();
	const files = {
		dockerFolder: join(root, 'docker'),
		runnerPackagePath: join(root, 'packages/runner/package.json')
	};
	const found = await lookPatiently(engine, image);
	if (!found.ok) return fail(engineError(found.error, 'sandbox_image_missing'));
	if (found.value !== null && !isOutdated(image, found.value, await imageSources(files))) {
		say(`The image of the sandboxes is there: ${image}`);
		return ok();
	}
	say(`Building the image of the sandboxes, ${image}`);
	const extraCa = process.env.NODE_EXTRA_CA_CERTS ?? '';
	return buildImage({
		...{ engine, image, ...files },
		extraCaPath: extraCa !== '' && existsSync(extraCa) ? extraCa : null,
		onLine: say,
		signal: AbortSignal.timeout(BUILD_LIMIT_MS)
	});
};
