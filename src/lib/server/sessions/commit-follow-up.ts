/** What follows from a commit to a session's log: who is told, and who looks again. */
import type { RepoId } from '@agent-manager/protocol/ids.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { objectAt, textAt } from '#lib/domain/loose-json.ts';
import { dueMessage } from '#lib/domain/message-queue.ts';
import { areMarks } from '#lib/domain/session-marks.ts';
import type { SessionState } from '#lib/domain/session-state.ts';
import type { GitActions } from './git-actions.ts';
import type { MessageHandover } from './message-handover.ts';
import type { Reconciler } from './reconciler.ts';
import type { RuleAnswers } from './rule-answers.ts';
import type { SessionContext } from './session-context.ts';
import type { CommitNotice } from './session-log.ts';
import type { SessionCell } from './session-view.ts';

const madeRepoRules = ({ source, type, payload }: SessionEvent): boolean =>
	source === 'manager' &&
	type === 'request.decided' &&
	textAt(objectAt(payload, 'remember'), 'scope') === 'repo';

export interface CommitFollowUpOptions {
	context: SessionContext;
	reconciler: Reconciler;
	handover: MessageHandover;
	ruleAnswers: RuleAnswers;
	gitActions: GitActions;
	/** A repo's counts have changed. */
	onCounts: (repoId: RepoId) => void;
}

export class CommitFollowUp {
	readonly #options: CommitFollowUpOptions;

	constructor(options: CommitFollowUpOptions) {
		this.#options = options;
	}

	follow({ cell, before, events, runnerCommands }: CommitNotice): void {
		const { state } = cell;
		const { context, reconciler, handover, gitActions, onCounts } = this.#options;
		if (state.archivedAt !== before.archivedAt) onCounts(cell.repoId);
		context.runQueue.see(cell.id, state);
		if (dueMessage(state)) handover.look(cell.id);
		this.#lookAtRules(cell, before, events);
		gitActions.look(cell);
		if (areMarks(events)) return;
		const runtime = reconciler.runtime(cell.id);
		runtime.lastActivityMs = context.nowMs();
		runtime.partials.settle(events);
		runtime.connection?.deliver(runnerCommands);
		const agentIsStarting = before.steps.some(
			({ name, status }) => name === 'agent' && status === 'running'
		);
		// With a message on its way the agent's own first word is the sign, without one the runner's.
		const sign = events.find(
			({ source, type }) =>
				source === 'claude' || (type === 'runner.started' && state.queued.length === 0)
		);
		if (agentIsStarting && sign) this.#agentStarted(cell, sign.ts);
		if (state.status !== before.status) onCounts(cell.repoId);
		const redirected = state.desired !== before.desired || state.epoch !== before.epoch;
		if (redirected) reconciler.breakOff(cell.id);
		const turned = state.settling !== before.settling || state.openTurn !== before.openTurn;
		if (redirected || turned || state.ending !== before.ending) reconciler.wake(cell.id);
	}

	/** The rules of a repo have changed. */
	async rulesChanged(repoId: RepoId): Promise<void> {
		this.#options.onCounts(repoId);
		await this.#options.ruleAnswers.lookAll(repoId);
	}

	#lookAtRules(
		{ id, repoId, state }: SessionCell,
		before: SessionState,
		events: CommitNotice['events']
	): void {
		if (state.pending !== before.pending || state.rules !== before.rules)
			this.#options.ruleAnswers.look(id);
		if (!events.some(madeRepoRules)) return;
		void this.rulesChanged(repoId).catch((cause: unknown) => {
			this.#options.context.logger.warn({ err: cause, repoId }, 'rules were not looked at');
		});
	}

	#agentStarted(cell: SessionCell, ts: string): void {
		const { log, logger } = this.#options.context;
		void log
			.record(cell.id, (state) => {
				const step = state.steps.find(({ name }) => name === 'agent');
				if (step?.status !== 'running') return [];
				const durationMs = Math.max(0, Date.parse(ts) - Date.parse(step.startedAt ?? ts));
				return [{ type: 'step.finished', payload: { step: 'agent', durationMs } }];
			})
			.catch((cause: unknown) => {
				logger.warn({ err: cause, sessionId: cell.id }, 'a step was not recorded');
			});
	}
}
