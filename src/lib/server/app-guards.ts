/**
 * Effects outside of the database have no transaction that could refuse them. So each one asks first
 * whether this manager still leads, and whether the workspace is there. One that does not lead never gets an
 * answer: it ends. While the workspace is gone, drivers can't say what there is: their records may be in it.
 */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { fail, type Result } from '#lib/domain/result.ts';
import type { Git } from './git/exec.ts';
import type { Door } from './runner/door/door.ts';
import type { RunningSandbox, SandboxDriver } from './runner/sandbox/driver.ts';
import type { WorkspacePresence } from './access/workspace-presence.ts';

export interface Guards {
	driver: (driver: SandboxDriver) => SandboxDriver;
	git: (git: Git) => Git;
	door: (door: Door) => Door;
}

/** `confirmLease` rejects unless it is certain that this manager leads. */
export const createGuards = (
	confirmLease: () => Promise<void>,
	workspace: WorkspacePresence
): Guards => {
	const confirm = async (): Promise<void> => {
		await confirmLease();
		await workspace.confirm();
	};
	/** Looked for on both sides: it may go while the driver looks. */
	const listing = async <T>(
		list: () => Promise<Result<T, WireError>>
	): Promise<Result<T, WireError>> => {
		const before = await workspace.problem();
		if (before) return fail(before);
		const listed = await list();
		const after = await workspace.problem();
		return after ? fail(after) : listed;
	};
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
			check: async (signal) => {
				const checked = await driver.check(signal);
				const gone = checked.available ? null : await workspace.problem();
				return gone ? { ...checked, problem: gone } : checked;
			},
			start: async (spec, signal) => {
				await confirm();
				const started = await driver.start(spec, signal);
				return started.ok ? { ok: true, value: sandbox(started.value) } : started;
			},
			runOnce: async (...args) => {
				await confirm();
				return driver.runOnce(...args);
			},
			list: (instance) => listing(() => driver.list(instance)),
			survey: (instance) => listing(() => driver.survey(instance)),
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
