/** What a driver needs of this machine before the app can use it. */
import { ensureDockerEngine, ensureSandboxImage } from './docker-engine.mjs';

export const DRIVERS = ['bubblewrap', 'docker'] as const;
export type Driver = (typeof DRIVERS)[number];

export interface DriverEngine {
	/** For the app. */
	env: Record<string, string>;
	stop: () => Promise<void>;
}

/** Of Docker: the tests' own engine, with the image of these sources; or why there is none. */
export const engineFor = async (driver: Driver): Promise<DriverEngine | { skipped: string }> => {
	if (driver !== 'docker') return { env: {}, stop: async () => undefined };
	const engine = await ensureDockerEngine();
	if ('skipped' in engine) return engine;
	const image = await ensureSandboxImage(engine.dockerHost);
	if ('skipped' in image) {
		await engine.stop();
		return image;
	}
	const env = { DOCKER_HOST: engine.dockerHost, CONTAINER_IMAGE: image.image };
	return { env, stop: engine.stop };
};
