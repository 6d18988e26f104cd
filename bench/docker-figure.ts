/** The start in Docker, where an engine and the image can be had. */
import { ensureDockerEngine, ensureSandboxImage } from '../tests/support/docker-engine.mjs';
import { notMeasured, type Figure } from './figure.ts';
import { Manager } from './manager-process.ts';
import { compareSessions, startRow } from './session-figure.ts';

export const dockerFigure: Figure = {
	name: 'docker',
	runs: 5,
	async measure(bench, runs) {
		const skipped = (why: string) => [
			notMeasured('session request → first token, Docker', '≤ 2 ×', why)
		];
		const engine = await ensureDockerEngine();
		if ('skipped' in engine) return skipped(engine.skipped);
		bench.onEnd(engine.stop);
		const built = await ensureSandboxImage(engine.dockerHost);
		if ('skipped' in built) return skipped(built.skipped);
		const manager = await Manager.open(bench, {
			driver: 'docker',
			env: { DOCKER_HOST: engine.dockerHost, CONTAINER_IMAGE: built.image }
		});
		const sides = await compareSessions(bench, manager, runs, ['start']);
		await manager.end();
		return [startRow('Docker', sides, 2)];
	}
};
