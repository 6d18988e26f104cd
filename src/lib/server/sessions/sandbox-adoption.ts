/** The sandboxes that there are: listed by label, taken over while their session has a use for them, or removed. */
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { DriverKind } from '@agent-manager/protocol/session.ts';
import { isLive } from '#lib/domain/session-machine.ts';
import type { ListedSandbox, SandboxDriver } from '#lib/server/runner/sandbox/driver.ts';
import type { Reconciler } from './reconciler.ts';
import type { SessionContext } from './session-context.ts';
import { sessionPaths } from './session-paths.ts';
import { sessionToken } from './session-tokens.ts';
import type { SessionCell } from './session-view.ts';

export class SandboxAdoption {
	readonly #context: SessionContext;
	readonly #reconciler: Reconciler;
	/** Drivers whose last listing failed: nothing is concluded about their sandboxes. */
	readonly #unlisted = new Set<DriverKind>();

	constructor(context: SessionContext, reconciler: Reconciler) {
		this.#context = context;
		this.#reconciler = reconciler;
	}

	get unlisted(): DriverKind[] {
		return [...this.#unlisted];
	}

	/** A sandbox of it may run without our knowing. */
	isUnlisted({ state }: SessionCell): boolean {
		return state.driver !== null && this.#unlisted.has(state.driver);
	}

	/** One look at what every driver has. */
	async look(): Promise<void> {
		await Promise.all(
			this.#context.drivers().map(async (driver) => {
				const listed = await driver.list(this.#context.instance);
				if (!listed.ok) {
					this.#unlisted.add(driver.kind);
					return;
				}
				this.#unlisted.delete(driver.kind);
				await Promise.all(listed.value.map((sandbox) => this.#place(driver, sandbox)));
			})
		);
	}

	/** Opens the door, or again where somebody has removed its socket. */
	async keepDoor(sessionId: SessionId, epoch: number): Promise<void> {
		const { door, secret, workspaceRoot, logger } = this.#context;
		const opened = await door.open(sessionId, {
			directory: sessionPaths(workspaceRoot, sessionId).doorDirectory,
			token: sessionToken(secret, sessionId, epoch),
			epoch
		});
		if (!opened.ok) logger.warn({ error: opened.error, sessionId }, 'a door was not opened');
	}

	/** A sandbox of ours: taken over while its session has a use for it, or an end for it; else removed. */
	async #place(driver: SandboxDriver, { ref }: ListedSandbox): Promise<void> {
		const sessionId = ref.labels.session as SessionId;
		const cell = await this.#context.log.find(sessionId);
		if (this.#reconciler.isAtWork(sessionId)) return;
		const isOurs = cell !== null && cell.state.epoch === ref.labels.epoch;
		if (!isOurs || !(isLive(cell.state.status) || cell.state.ending !== null)) {
			const removed = await driver.remove(ref);
			this.#context.acted('remove_sandbox', removed.ok ? 'done' : 'failed');
			if (removed.ok) return;
			return this.#context.logger.warn({ error: removed.error, ref }, 'a sandbox stays behind');
		}
		const { desired, status, runnerUp } = cell.state;
		// A start that was broken off in its middle finds its sandbox itself.
		if (desired === 'live' && status === 'starting' && !runnerUp) return;
		const adopted = await driver.adopt(ref);
		this.#context.acted('adopt', adopted.ok ? 'done' : 'failed');
		if (!adopted.ok) {
			this.#context.logger.warn({ error: adopted.error, sessionId }, 'a sandbox was not adopted');
			return;
		}
		await this.keepDoor(sessionId, ref.labels.epoch);
		this.#reconciler.attach(sessionId, ref.labels.epoch, adopted.value);
	}
}
