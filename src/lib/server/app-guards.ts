/**
 * Effects outside of the database have no transaction that could refuse them. So each one asks first
 * whether this manager still leads. One that does not never gets an answer: it ends.
 */
import type { Git } from './git/exec.ts';
import type { Door } from './runner/door/door.ts';
import type { RunningSandbox, SandboxDriver } from './runner/sandbox/driver.ts';

export interface Guards {
	driver: (driver: SandboxDriver) => SandboxDriver;
	git: (git: Git) => Git;
	door: (door: Door) => Door;
}

/** `confirm` rejects unless it is certain that this manager leads. */
export const createGuards = (confirm: () => Promise<void>): Guards => {
	const sandbox = (running: RunningSandbox): RunningSandbox => ({
		...running,
		stop: async (graceMs) => {
			await confirm();
			return running.stop(graceMs);
		}
	});
	return {
		driver: (driver) => ({
			...driver,
			start: async (spec, signal) => {
				await confirm();
				const started = await driver.start(spec, signal);
				return started.ok ? { ok: true, value: sandbox(started.value) } : started;
			},
			runOnce: async (...args) => {
				await confirm();
				return driver.runOnce(...args);
			},
			adopt: async (ref) => {
				const adopted = await driver.adopt(ref);
				return adopted.ok ? { ok: true, value: sandbox(adopted.value) } : adopted;
			},
			remove: async (ref) => {
				await confirm();
				return driver.remove(ref);
			}
		}),
		git: (git) => ({
			...git,
			run: async (run) => {
				await confirm();
				return git.run(run);
			}
		}),
		door: (door) => ({
			...door,
			open: async (sessionId, opening) => {
				await confirm();
				return door.open(sessionId, opening);
			}
		})
	};
};
