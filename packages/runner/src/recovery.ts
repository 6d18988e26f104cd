/**
 * What a new runner has to say about an earlier one that died: open requests are withdrawn, open
 * turns are closed, and each command that was taken is either done, to be done, or of unknown outcome.
 */
import type { CommandLog, TakenCommand, TurnTrace } from './command-log.ts';
import { findConversation, hasMessage, wasSteered } from './conversation.ts';
import { errorText, type Log } from './log.ts';
import type { RunnerRecords } from './runner-records.ts';

export interface Recovery {
	/** Still to be done, in order. `announced`: its `runner.turn_started` is in the outbox. */
	todo: (TakenCommand & { announced: boolean })[];
}

interface RecoverDeps {
	commandLog: CommandLog;
	records: RunnerRecords;
	/** Newest record that an earlier runner made durable. */
	lastN: number;
	configFolder: string;
	conversationId: string;
	log: Log;
}

type Delivery = 'delivered' | 'not_delivered' | 'unknown';

/** Call before the new agent gets its first message. */
export const recover = async (deps: RecoverDeps): Promise<Recovery> => {
	const { commandLog, lastN } = deps;
	const { requests, turns, steered, open } = commandLog.found;
	for (const { requestId, askedN, resolved } of requests) {
		if (askedN > lastN || (resolved && resolved.n <= lastN)) continue;
		const outcome = resolved?.outcome ?? 'withdrawn';
		const n = deps.records.append('runner.approval_resolved', { requestId, outcome });
		commandLog.note({ step: 'resolved', requestId, n, outcome });
	}
	for (const { commandId, n } of steered) if (n > lastN) tellSteered(commandId, deps);
	const recovery: Recovery = { todo: [] };
	const messages = new Set<string>();
	for (const taken of open) {
		const { command } = taken;
		if (command.type === 'message') messages.add(command.commandId);
		await recoverCommand(taken, turns, deps, recovery);
	}
	for (const turn of turns) {
		// A turn that the agent began by itself, or whose command is done but not its last record.
		if (turn.startedN <= lastN && !messages.has(turn.commandId)) endTurn(turn, deps);
	}
	return recovery;
};

const recoverCommand = async (
	taken: TakenCommand,
	turns: readonly TurnTrace[],
	deps: RecoverDeps,
	recovery: Recovery
): Promise<void> => {
	const { num, command } = taken;
	if (command.type === 'message') {
		const { commandId } = command;
		const isTold = deps.commandLog.found.steered.some((it) => it.commandId === commandId);
		if (command.steer && (isTold || (await foundInTurn(commandId, deps)))) {
			if (!isTold) tellSteered(commandId, deps);
			deps.commandLog.note({ step: 'done', num });
			return;
		}
		const turn = turns.find((it) => it.commandId === commandId);
		const announced = turn !== undefined && turn.startedN <= deps.lastN;
		const delivery = turn?.ended ? 'delivered' : await findDelivery(commandId, turn, deps);
		if (delivery === 'not_delivered') {
			recovery.todo.push({ ...taken, announced });
			return;
		}
		if (delivery === 'unknown') {
			deps.records.append('runner.command_unknown_outcome', {
				commandId,
				message: 'The sandbox died while the agent took this message: it may have acted on it.'
			});
		}
		if (!announced) deps.records.append('runner.turn_started', { commandId });
		endTurn(turn ?? { commandId, startedN: 0, seen: true, ended: null }, deps);
	}
	// An interrupt or a decision was for a turn that is gone, a finish for an agent that is: whoever
	// resumes the session wants it to go on.
	deps.commandLog.note({ step: 'done', num });
};

/** A message that was for a turn, and is not in one, is one of its own from here on. */
const foundInTurn = async (commandId: string, deps: RecoverDeps): Promise<boolean> => {
	const path = findConversation(deps.configFolder, deps.conversationId);
	return path !== null && (await wasSteered(path, commandId).catch(() => false));
};

const tellSteered = (commandId: string, deps: RecoverDeps): void => {
	const n = deps.records.append('runner.message_steered', { commandId });
	deps.commandLog.note({ step: 'steered', commandId, n });
};

const findDelivery = async (
	commandId: string,
	turn: TurnTrace | undefined,
	deps: RecoverDeps
): Promise<Delivery> => {
	const path = findConversation(deps.configFolder, deps.conversationId);
	try {
		if (path !== null && (await hasMessage(path, commandId))) return 'delivered';
		return turn?.seen ? 'unknown' : 'not_delivered';
	} catch (error) {
		deps.log('error', 'cannot read the conversation', { error: errorText(error) });
		return 'unknown';
	}
};

/** Tells the end of a turn, unless the log has it. */
const endTurn = (turn: TurnTrace, deps: RecoverDeps): void => {
	if (turn.ended && turn.ended.n <= deps.lastN) return;
	const { commandId } = turn;
	const outcome = turn.ended?.outcome ?? 'unknown';
	const n = deps.records.append('runner.turn_ended', { commandId, outcome });
	deps.commandLog.note({ step: 'turn_ended', commandId, n, outcome });
};
