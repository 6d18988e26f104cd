/**
 * Hands queued messages to the runner when their time has come. Level-triggered: asked after each
 * commit that may have brought it and by the timer, it looks at the session as it is.
 */
import * as z from 'zod';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { dueMessage, handOver } from '#lib/domain/message-queue.ts';
import type { Database } from '#lib/server/db/client.ts';
import type { SessionLog } from './session-log.ts';
import { wholePayload } from './whole-payload.ts';

export interface MessageHandoverOptions {
	db: Database;
	log: SessionLog;
	newId: () => string;
	/** A message stays where it is; the next look tries again. */
	onFailure: (sessionId: SessionId, cause: unknown) => void;
}

const saidSchema = z.object({ text: z.string() });

export class MessageHandover {
	readonly #options: MessageHandoverOptions;
	readonly #atWork = new Map<SessionId, { again: boolean; done: Promise<void> }>();

	constructor(options: MessageHandoverOptions) {
		this.#options = options;
	}

	/** Looks whether a message is due. Never throws. */
	look(sessionId: SessionId): void {
		const atWork = this.#atWork.get(sessionId);
		if (atWork) {
			atWork.again = true;
			return;
		}
		const work = { again: true, done: Promise.resolve() };
		this.#atWork.set(sessionId, work);
		work.done = this.#run(sessionId, work);
	}

	/** Resolves when nothing is under way any more. */
	async idle(): Promise<void> {
		await Promise.all([...this.#atWork.values()].map(({ done }) => done));
	}

	async #run(sessionId: SessionId, work: { again: boolean }): Promise<void> {
		try {
			while (work.again) {
				work.again = false;
				if (await this.#handOverDue(sessionId)) work.again = true;
			}
		} catch (cause) {
			this.#options.onFailure(sessionId, cause);
		}
		this.#atWork.delete(sessionId);
	}

	/** False when none is due. An edit meanwhile is a reason to look again. */
	async #handOverDue(sessionId: SessionId): Promise<boolean> {
		const { log, newId } = this.#options;
		const cell = await log.find(sessionId);
		const due = cell && dueMessage(cell.state);
		if (!due) return false;
		const { text } = saidSchema.parse(await wholePayload(this.#options, sessionId, due.seq));
		await log.carryOut(sessionId, (state) => handOver(state, due, text, newId()));
		return true;
	}
}
