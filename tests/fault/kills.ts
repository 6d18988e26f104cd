/**
 * The manager killed again and again under load, at moments that a seed chooses: half of them while
 * it starts, half while it serves; and now and then something else breaks, too.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { World, WorldSession } from './world.ts';
import { crashDatabase, cutRunner, freezeDatabase, freezeManager, freezeRunner } from './faults.ts';

/** Longest that a manager is let serve before it is killed. */
const SERVING_MS = 600;
const FROZEN_MS = 300;
const REAL_PROMPT =
	'[[demo: text chunks=20 interval=100]] [[demo: tools bash="date >> dates"]] [[demo: text chunks=10 interval=100]]';

export interface KillsResult {
	kills: number;
	/** Kills of a manager that did not serve yet. */
	whileStarting: number;
	others: Record<string, number>;
	/** Starts that gave up by themselves, in the app's words. */
	failedStarts: string[];
}

export const startLoad = async (world: World, light: number, real: number): Promise<void> => {
	world.addViewer('viewer from the start');
	world.addViewer('viewer from a snapshot', { fromSnapshot: true });
	for (let count = 0; count < light; count += 1) await world.startLight({ rate: 8, chars: 200 });
	for (let count = 0; count < real; count += 1) await world.startReal(REAL_PROMPT);
	await world.untilRunning(world.sessions.filter((session) => session.light));
};

/** An agent whose turn is over gets another one; one that was lost comes back. */
const keepBusy = async ({ app }: World, { id }: WorldSession): Promise<void> => {
	const session = await app.session(id).catch(() => null);
	if (session?.status === 'waiting') {
		await app.api('POST', `/api/sessions/${id}/messages`, { message: REAL_PROMPT });
	} else if (session?.status === 'error') await app.api('POST', `/api/sessions/${id}/resume`);
};

/** Something else than a kill; what it was, or null when there was nothing to break. */
export const breakSomething = async (world: World): Promise<string | null> => {
	const { app } = world;
	const light = world.pick(world.sessions.filter((session) => session.light));
	const ms = world.random() * FROZEN_MS;
	switch (world.upTo(7)) {
		case 0:
			world.pick(world.viewers)?.cut();
			return 'viewer cut';
		case 1:
			world.pick(world.viewers)?.stall(ms * 3);
			return 'viewer stalled';
		case 2:
			return light && cutRunner(app, light.id) ? 'runner cut' : null;
		case 3:
			if (light) await freezeRunner(app, light.id, ms);
			return 'runner frozen';
		case 4:
			await freezeDatabase(app, ms);
			return 'database frozen';
		case 5:
			if (app.isRunning) await freezeManager(app, ms);
			return 'manager frozen';
		default:
			return world.random() < 0.25 && (await crashDatabase(app)) ? 'database crashed' : null;
	}
};

export const killManager = async (
	world: World,
	options: { kills: number; endAt: number | null; onKill: (done: number) => void }
): Promise<KillsResult> => {
	const { app, random } = world;
	const result: KillsResult = {
		kills: 0,
		whileStarting: 0,
		others: {},
		failedStarts: []
	};
	await app.kill();
	/** How long a start took lately: kills while starting are spread over it. */
	let startMs = 1_500;
	/** False when it ended before anybody killed it. */
	const oneLife = async (): Promise<boolean> => {
		app.launch();
		const begun = performance.now();
		if (random() < 0.5) {
			await delay(random() * startMs);
			if (!app.output.includes('ready:')) result.whileStarting += 1;
		} else {
			await app.whenReady();
			startMs = 0.7 * startMs + 0.3 * (performance.now() - begun);
			const real = world.pick(world.sessions.filter((session) => !session.light));
			if (real && random() < 0.3) await keepBusy(world, real);
			await delay(random() * SERVING_MS);
		}
		const broken = random() < 0.25 ? await breakSomething(world) : null;
		if (broken) result.others[broken] = (result.others[broken] ?? 0) + 1;
		if (!app.isRunning) return false;
		await app.kill();
		return true;
	};
	const isOver = (): boolean =>
		result.kills >= options.kills || performance.now() > (options.endAt ?? Infinity);
	while (!isOver()) {
		const killed = await oneLife().catch((error: unknown) => {
			if (app.isRunning) throw error;
			return false;
		});
		if (killed) result.kills += 1;
		else result.failedStarts.push(app.output.trim());
		options.onKill(result.kills);
	}
	await app.start();
	return result;
};
