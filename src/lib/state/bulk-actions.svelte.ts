/**
 * One thing done to many sessions. Each session is asked by itself: one that refuses is told by name and
 * does not hold the others up. What can be taken back is offered to be; a purge can't, so it is asked for
 * only when the time to take it back is over.
 */
import { SvelteSet } from 'svelte/reactivity';
import { toast } from 'svelte-sonner';
import type { Session } from '@agent-manager/protocol/session.ts';
import type { CommandOutcome } from './connection.svelte.ts';
import { plural } from './format.ts';
import type { SessionVerb } from './session-controller.svelte.ts';
import { isLive } from './session-status.ts';

export type BulkVerb = 'stop' | 'archive' | 'unarchive' | 'pin' | 'unpin' | 'purge';

interface BulkAction {
	label: string;
	done: string;
	/** What stays of them. */
	kept: string;
	/** The sessions that it means something for. */
	fits: (session: Session) => boolean;
	undo: BulkVerb | null;
}

export const BULK_ACTIONS: Record<BulkVerb, BulkAction> = {
	pin: {
		label: 'Pin',
		done: 'Pinned',
		kept: 'They stand first in lists.',
		fits: ({ pinnedAt }) => pinnedAt === null,
		undo: 'unpin'
	},
	unpin: {
		label: 'Unpin',
		done: 'Unpinned',
		kept: 'They stand among the others again.',
		fits: ({ pinnedAt }) => pinnedAt !== null,
		undo: 'pin'
	},
	stop: {
		label: 'Stop',
		done: 'Stopped',
		kept: 'Worktree, branch and transcript are kept; each can be resumed.',
		fits: (session) => isLive(session),
		undo: null
	},
	archive: {
		label: 'Archive',
		done: 'Archived',
		kept: 'They leave the lists; all of them is kept.',
		fits: (session) => !isLive(session) && session.archivedAt === null,
		undo: 'unarchive'
	},
	unarchive: {
		label: 'Unarchive',
		done: 'Back in the lists',
		kept: 'They are in the lists again.',
		fits: ({ archivedAt }) => archivedAt !== null,
		undo: 'archive'
	},
	purge: {
		label: 'Purge',
		done: 'Purged',
		kept: 'Worktree, session folder and transcript go; unpushed commits stay under refs/saved.',
		fits: () => true,
		undo: null
	}
};

/** How long a purge can be taken back. */
export const PURGE_DELAY_MS = 8_000;
const AT_ONCE = 8;

type Send = (sessionId: string, verb: SessionVerb) => Promise<CommandOutcome>;

const reasonOf = (outcome: CommandOutcome): string | null => {
	if (outcome.kind === 'ack') return null;
	return outcome.kind === 'error' ? outcome.error.message : 'nobody knows whether it arrived';
};

export class BulkActions {
	/** Sessions whose purge can still be taken back. */
	readonly leaving = new SvelteSet<string>();
	busy = $state<BulkVerb | null>(null);

	readonly #send: Send;
	/** Purges that can still be taken back, each with its note. */
	readonly #timers = new Map<ReturnType<typeof setTimeout>, string | number>();

	constructor(send: Send) {
		this.#send = send;
	}

	/** Nothing that could still be taken back is done any more, and that is said. */
	dispose(): void {
		for (const [timer, note] of this.#timers) {
			clearTimeout(timer);
			toast.dismiss(note);
		}
		if (this.#timers.size > 0) toast('Nothing was purged: you left the page before.');
		this.#timers.clear();
		this.leaving.clear();
	}

	async run(verb: BulkVerb, sessions: readonly Session[]): Promise<void> {
		const fitting = sessions.filter(BULK_ACTIONS[verb].fits);
		if (fitting.length === 0 || this.busy) return;
		if (verb === 'purge') return this.#purgeLater(fitting);
		await this.#runNow(verb, fitting, true);
	}

	#purgeLater(sessions: readonly Session[]): void {
		for (const { id } of sessions) this.leaving.add(id);
		const timer = setTimeout(() => {
			this.#timers.delete(timer);
			toast.dismiss(note);
			void this.#runNow('purge', sessions, false).finally(() => this.#release(sessions));
		}, PURGE_DELAY_MS);
		const note = toast(`${plural(sessions.length, 'session')} will be purged`, {
			description: `${BULK_ACTIONS.purge.kept} Nothing happens if you leave this page before.`,
			duration: PURGE_DELAY_MS,
			action: {
				label: 'Undo',
				onClick: () => {
					clearTimeout(timer);
					this.#timers.delete(timer);
					this.#release(sessions);
				}
			}
		});
		this.#timers.set(timer, note);
	}

	#release(sessions: readonly Session[]): void {
		for (const { id } of sessions) this.leaving.delete(id);
	}

	async #runNow(verb: BulkVerb, sessions: readonly Session[], mayUndo: boolean): Promise<void> {
		this.busy = verb;
		const failed: string[] = [];
		const taken: Session[] = [];
		const left = [...sessions];
		const work = async (): Promise<void> => {
			for (let session = left.shift(); session; session = left.shift()) {
				const reason = reasonOf(await this.#send(session.id, verb));
				if (reason === null) taken.push(session);
				else failed.push(`${session.title}: ${reason}`);
			}
		};
		await Promise.all(Array.from({ length: AT_ONCE }, work));
		this.busy = null;
		const { done, kept, undo } = BULK_ACTIONS[verb];
		if (taken.length > 0) {
			toast(`${done}: ${plural(taken.length, 'session')}`, {
				description: kept,
				action:
					mayUndo && undo
						? { label: 'Undo', onClick: () => void this.#runNow(undo, taken, false) }
						: undefined
			});
		}
		if (failed.length > 0) {
			toast.error(`${plural(failed.length, 'session')} refused`, {
				description: failed.join('\n')
			});
		}
	}
}
