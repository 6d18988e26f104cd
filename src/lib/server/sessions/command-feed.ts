/**
 * The numbered commands of a session on their way to one connected runner: each once, in order and
 * without a hole. What was just committed goes at once; whenever that does not continue what was
 * sent, the rest is read from the database.
 */
import type { RunnerCommand } from '@agent-manager/protocol/runner-frames.ts';
import { configureRunner } from '#lib/domain/session-configuration.ts';
import type { SessionState } from '#lib/domain/session-state.ts';
import type { NumberedCommand } from '#lib/server/db/sessions.ts';

export interface CommandFeedOptions {
	/** Commands after `num` that no runner has taken, in order. */
	readAfter: (num: number) => Promise<NumberedCommand[]>;
	/** The session as it is; null when it is gone. */
	state: () => Promise<SessionState | null>;
	send: (command: NumberedCommand) => void;
	/** Does this runner know such a command? One of an older version may not. */
	knows: (type: RunnerCommand['type']) => boolean;
	/** Commands could not be read: the connection begins again. */
	onFailure: (cause: unknown) => void;
}

/** A number has to come even if there is nothing to say: an answer to nothing, which every runner knows. */
const nothing = ({ commandId }: RunnerCommand): RunnerCommand => ({
	...{
		type: 'decide',
		commandId,
		requestId: '',
		decision: 'deny',
		message: null,
		updatedInput: null
	}
});

/**
 * What an earlier runner never took may be void by now: an interrupt of a turn that is over, a finish
 * before a resume.
 */
const orNothing = (command: RunnerCommand, state: SessionState): RunnerCommand => {
	// What was changed meanwhile counts, not what was wanted then.
	if (command.type === 'configure') return configureRunner(state, command.commandId);
	const isVoid =
		(command.type === 'finish' && state.desired !== 'finished') ||
		(command.type === 'interrupt' && state.openTurn === null);
	return isVoid ? nothing(command) : command;
};

export class CommandFeed {
	readonly #options: CommandFeedOptions;
	#lastSent: number;
	#again = false;
	#reading = false;

	/** `lastTaken`: the newest command that the runner has. */
	constructor(lastTaken: number, options: CommandFeedOptions) {
		this.#lastSent = lastTaken;
		this.#options = options;
	}

	/** Commands that were just committed. */
	deliver(commands: readonly NumberedCommand[]): void {
		const first = commands[0];
		if (!first) return;
		if (this.#reading || first.num !== this.#lastSent + 1) return this.catchUp();
		for (const command of commands) this.#send(command);
	}

	/** Sends all that is due from the database. */
	catchUp(): void {
		this.#again = true;
		if (this.#reading) return;
		this.#reading = true;
		this.#read().catch((cause: unknown) => this.#options.onFailure(cause));
	}

	async #read(): Promise<void> {
		const { readAfter, state } = this.#options;
		try {
			while (this.#again) {
				this.#again = false;
				const due = await readAfter(this.#lastSent);
				const now = due.length > 0 ? await state() : null;
				if (!now) continue;
				for (const { num, command } of due) this.#send({ num, command: orNothing(command, now) });
			}
		} finally {
			this.#reading = false;
		}
	}

	#send({ num, command }: NumberedCommand): void {
		const { knows, send } = this.#options;
		this.#lastSent = num;
		send({ num, command: knows(command.type) ? command : nothing(command) });
	}
}
