/** What the manager holds in memory for a session that has, or shall have, a sandbox. */
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { RunningSandbox, SandboxExit } from '#lib/server/runner/sandbox/driver.ts';
import { freshHearing, type Hearing } from './answer-watch.ts';
import { Partials } from './partials.ts';
import type { RunnerConnection } from './runner-connection.ts';

export interface LiveSandbox {
	epoch: number;
	running: RunningSandbox;
	/** Set once it is no more. */
	exit: SandboxExit | null;
	/** True once we asked it to end. */
	stopping: boolean;
}

export class SessionRuntime {
	readonly id: SessionId;
	readonly partials = new Partials();
	sandbox: LiveSandbox | null = null;
	connection: RunnerConnection | null = null;
	/** Set while a start is on its way: aborting it ends the start. */
	starting: AbortController | null = null;
	/** While commits are being collected: aborting these ends that. */
	readonly collecting = new Set<AbortController>();
	/** What the last collecting failed with: said once, however often it is tried again. */
	collectProblem: string | null = null;
	/** Whether its runner answers. */
	hearing: Hearing = freshHearing();
	/** Monotonic milliseconds of the last sign of life. */
	lastActivityMs = 0;
	#helloWaiters: { epoch: number; resolve: () => void }[] = [];

	constructor(id: SessionId) {
		this.id = id;
	}

	/** The runner of this epoch has connected. */
	sawHello(epoch: number): void {
		const due = this.#helloWaiters.filter((waiter) => waiter.epoch === epoch);
		this.#helloWaiters = this.#helloWaiters.filter((waiter) => waiter.epoch !== epoch);
		for (const { resolve } of due) resolve();
	}

	waitForHello(epoch: number): Promise<void> {
		if (this.connection?.epoch === epoch) return Promise.resolve();
		return new Promise((resolve) => this.#helloWaiters.push({ epoch, resolve }));
	}
}
