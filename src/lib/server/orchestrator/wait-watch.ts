/**
 * Ends the waits of orchestrators. Level-triggered: it hears which sessions changed, looks at each wait as
 * it is now, and asks for its end; that happens once, however often it is asked for. Nothing is kept here
 * that a restart would lose: the waits are in the sessions' own state.
 */
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import { isLive } from '#lib/domain/session-machine.ts';
import { waitOver, wakeText } from '#lib/domain/session-wait.ts';
import type { Logger } from '#lib/server/logger.ts';
import type { Hub } from '#lib/server/sessions/hub.ts';
import type { SessionService } from '#lib/server/sessions/session-service.ts';

export interface WaitWatchOptions {
	hub: Hub;
	sessions: SessionService;
	logger: Logger;
	now: () => Date;
}

/** How late a deadline may be noticed; a failed look is taken again as soon. */
const LOOK_MS = 1_000;

export class WaitWatch {
	readonly #options: WaitWatchOptions;
	/** Orchestrators with a wait, and whom they wait for. */
	readonly #waits = new Map<SessionId, ReadonlySet<string>>();
	readonly #looking = new Map<SessionId, Promise<void>>();
	readonly #again = new Set<SessionId>();
	#timer: NodeJS.Timeout | null = null;
	#stopListening: () => void = () => undefined;

	constructor(options: WaitWatchOptions) {
		this.#options = options;
	}

	async start(): Promise<void> {
		this.#stopListening = this.#options.hub.onList((signal) => {
			if (signal.type === 'session') this.#changed(signal.session);
			if (signal.type === 'session_removed') {
				this.#waits.delete(signal.sessionId);
				this.#lookAtThoseFor(signal.sessionId);
			}
		});
		this.#timer = setInterval(() => {
			for (const id of this.#waits.keys()) this.look(id);
		}, LOOK_MS);
		for (const session of await this.#options.sessions.list({ archived: false }))
			this.#changed(session);
	}

	async stop(): Promise<void> {
		this.#stopListening();
		if (this.#timer) clearInterval(this.#timer);
		await Promise.all(this.#looking.values());
	}

	/** Looks at this orchestrator's wait. Never throws. */
	look(id: SessionId): void {
		if (this.#looking.has(id)) {
			this.#again.add(id);
			return;
		}
		const looking = this.#look(id)
			.catch((cause: unknown) =>
				this.#options.logger.warn({ err: cause, sessionId: id }, 'a wait was not looked at')
			)
			.finally(() => {
				this.#looking.delete(id);
				if (this.#again.delete(id)) this.look(id);
			});
		this.#looking.set(id, looking);
	}

	#changed(session: Session): void {
		if (session.wait && isLive(session.status)) {
			this.#waits.set(session.id, new Set(session.wait.sessionIds));
			this.look(session.id);
		} else this.#waits.delete(session.id);
		this.#lookAtThoseFor(session.id);
	}

	#lookAtThoseFor(id: string): void {
		for (const [orchestrator, waited] of this.#waits) {
			if (waited.has(id)) this.look(orchestrator);
		}
	}

	async #look(id: SessionId): Promise<void> {
		const { sessions, now } = this.#options;
		const own = await sessions.get(id);
		if (!own.ok || !own.value.wait || !isLive(own.value.status)) return;
		const { wait } = own.value;
		const waited = new Map<string, Session>();
		for (const waitedId of wait.sessionIds) {
			const found = await sessions.get(waitedId as SessionId);
			if (found.ok) waited.set(waitedId, found.value);
		}
		const find = (waitedId: string): Session | null => waited.get(waitedId) ?? null;
		const reason = waitOver(wait, find, own.value, now());
		if (reason === null) return;
		const text = wakeText(wait, find, own.value, reason);
		await sessions.endWait(id, { waitId: wait.waitId, reason, text });
	}
}
