/**
 * The verbs of one session as buttons use them: which may be pressed now, which is under way, and
 * what to say when one was refused.
 */
import { toast } from 'svelte-sonner';
import type { Session } from '@agent-manager/protocol/session.ts';
import type { CommandOutcome } from './connection.svelte.ts';
import type { SessionVerb } from './session-controller.svelte.ts';
import { isLive } from './session-status.ts';

type Send = (verb: SessionVerb) => Promise<CommandOutcome>;

/** The verbs that mean something in the session's status. */
export const verbsFor = (
	session: Pick<Session, 'status' | 'waitingFor' | 'asleep' | 'unresponsive' | 'ending'>
): ReadonlySet<SessionVerb> => {
	if (session.ending === 'purge') return new Set();
	if (session.ending === 'stop') return new Set(['purge']);
	if (session.status === 'error') return new Set(['retry', 'resume', 'purge', 'archive']);
	if (!isLive(session)) return new Set(['resume', 'purge', 'archive']);
	const verbs = new Set<SessionVerb>(['stop', 'purge']);
	if (session.status === 'running' || session.status === 'waiting') verbs.add('interrupt');
	if (session.ending !== null) return verbs;
	verbs.add('finish');
	const idle = session.status === 'waiting' && session.waitingFor === 'input';
	if (idle && !session.asleep) verbs.add('sleep');
	if (session.asleep || session.unresponsive) verbs.add('resume');
	return verbs;
};

export class SessionActions {
	/** The verb that waits for its answer. */
	busy = $state<SessionVerb | null>(null);

	readonly #send: Send;

	constructor(send: Send) {
		this.#send = send;
	}

	/** Returns true when the manager has taken it. */
	async run(verb: SessionVerb): Promise<boolean> {
		if (this.busy) return false;
		this.busy = verb;
		const outcome = await this.#send(verb);
		this.busy = null;
		if (outcome.kind === 'error') {
			toast.error(outcome.error.message, { description: outcome.error.hint });
		} else if (outcome.kind === 'unknown') {
			toast.error(`Nobody knows whether “${verb}” has reached the app.`, {
				description: 'The page shows what happened as soon as it is connected again.'
			});
		}
		return outcome.kind === 'ack';
	}
}
