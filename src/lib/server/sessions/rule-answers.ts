/**
 * Answers what agents ask where a rule allows it. Level-triggered: after each request, each change of rules,
 * at boot and by the timer it looks at what waits in the session as it is. So a rule that is made in one
 * session answers what waits in the repo's others, and one that was missed by a restart is not missed.
 */
import { runnerEventSchemas } from '@agent-manager/protocol/events.ts';
import type { RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import type { PendingRequest } from '@agent-manager/protocol/session.ts';
import { latestOnly } from '#lib/domain/latest-only.ts';
import { allowingRules } from '#lib/domain/rule-answer.ts';
import { decideByRules, type ScopedRule } from '#lib/domain/session-rules.ts';
import type { Database } from '#lib/server/db/client.ts';
import { listRules } from '#lib/server/db/permission-rules.ts';
import { listUnfinishedSessions } from '#lib/server/db/sessions.ts';
import type { SessionLog } from './session-log.ts';
import { sessionPaths } from './session-paths.ts';
import { toCell, type SessionCell } from './session-view.ts';
import { wholePayload } from './whole-payload.ts';

export interface RuleAnswersOptions {
	db: Database;
	log: SessionLog;
	workspaceRoot: string;
	newId: () => string;
	/** The request goes on waiting; the next look tries again. */
	onFailure: (sessionId: SessionId, cause: unknown) => void;
}

const asksForLeave = ({ kind }: PendingRequest): boolean => kind === 'approval';

export class RuleAnswers {
	readonly #options: RuleAnswersOptions;
	/** Looks whether rules allow what waits. Never throws. */
	readonly look: (sessionId: SessionId) => void;
	readonly #looks = new Set<Promise<void>>();

	constructor(options: RuleAnswersOptions) {
		this.#options = options;
		this.look = latestOnly((sessionId) => {
			const look = this.#answer(sessionId)
				.catch((cause: unknown) => options.onFailure(sessionId, cause))
				.finally(() => this.#looks.delete(look));
			this.#looks.add(look);
			return look;
		});
	}

	/** Resolves when no look is under way any more. */
	async idle(): Promise<void> {
		while (this.#looks.size > 0) await Promise.all(this.#looks);
	}

	/** The rules of a repo have changed: what waits in its sessions may be allowed by now. */
	async lookAll(repoId: RepoId): Promise<void> {
		const rows = await listUnfinishedSessions(this.#options.db);
		for (const cell of rows.map(toCell)) if (cell.repoId === repoId) this.look(cell.id);
	}

	async #answer(sessionId: SessionId): Promise<void> {
		const { db, log } = this.#options;
		const cell = await log.find(sessionId);
		const waiting = cell?.state.pending.filter(asksForLeave) ?? [];
		if (!cell || waiting.length === 0) return;
		const ofRepo = await listRules(db, cell.repoId);
		const rules: ScopedRule[] = [
			...cell.state.rules.map((rule) => ({ scope: 'session' as const, rule })),
			...ofRepo.map(({ rule }) => ({ scope: 'repo' as const, rule }))
		];
		if (rules.length === 0) return;
		for (const request of waiting) await this.#answerOne(cell, request, rules);
	}

	async #answerOne(
		cell: SessionCell,
		{ requestId, seq }: PendingRequest,
		rules: readonly ScopedRule[]
	): Promise<void> {
		const { log, newId, workspaceRoot } = this.#options;
		const payload = await wholePayload(this.#options, cell.id, seq);
		const asked = runnerEventSchemas['runner.approval_requested'].safeParse(payload);
		if (!asked.success || asked.data.requestId !== requestId) return;
		const { toolName, input, noRule = false } = asked.data;
		const { worktree } = sessionPaths(workspaceRoot, cell.id);
		await log.carryOut(cell.id, (state) => {
			const place = { worktree, permissionMode: state.permissionMode };
			// A rule of the session that was taken back meanwhile allows nothing any more.
			const valid = rules.filter(
				({ scope, rule }) => scope === 'repo' || state.rules.includes(rule)
			);
			const allowed = allowingRules({ toolName, input, noRule }, valid, place);
			return allowed
				? decideByRules(state, requestId, allowed, newId())
				: { events: [], runnerCommands: [] };
		});
	}
}
