/**
 * What an exit code tells of a death. The first process of a sandbox adds `RUNNER_KILLED_OFFSET` to the code of
 * a runner that a signal ended: without it, that would look as if the whole sandbox had been killed.
 */
import type { SandboxExit } from './driver.ts';

export const RUNNER_KILLED_OFFSET = 64;
const SIGNALLED = 128;
const SIGNALS = 64;

export const exitOfCode = (code: number): SandboxExit => {
	if (code > SIGNALLED + RUNNER_KILLED_OFFSET && code < 255) {
		return { cause: 'runner', exitCode: code - RUNNER_KILLED_OFFSET };
	}
	const isSignal = code > SIGNALLED && code <= SIGNALLED + SIGNALS;
	return { cause: isSignal ? 'killed' : 'exited', exitCode: code };
};
