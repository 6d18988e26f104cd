/**
 * Carries out the commits, pushes, updates and rewinds that were asked for. Level-triggered: what a session's state
 * says is running is done, also after a restart in its middle; each of them done twice is done once.
 */
import { existsSync } from 'node:fs';
import type { GitAction, GitActionRequest } from '@agent-manager/protocol/changes.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { ManagerEventPayload } from '@agent-manager/protocol/events.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { ManagerEvent } from '#lib/domain/session-decisions.ts';
import type { RepoRow } from '#lib/server/db/repos.ts';
import { defaultBranchRefused } from '#lib/server/git/push.ts';
import {
	commitWorktree,
	updateWorktree,
	type ActionTarget,
	type WriteInSandbox
} from '#lib/server/git/worktree-actions.ts';
import type { SessionContext } from './session-context.ts';
import { carryOutRewind, isRewind, type RewindRequest } from './session-rewind.ts';
import { sessionPaths } from './session-paths.ts';
import type { SessionCell } from './session-view.ts';

const ACTION_MS = 5 * 60_000;
const PUSH_MS = 30 * 60_000;
const FETCH_MS = 60_000;

export interface GitActionsOptions {
	context: SessionContext;
	/** Brings the branch's commits into the mirror; why not, or null. */
	collect: (cell: SessionCell) => Promise<WireError | null>;
	/** Nothing of the session's own runs: its files can be changed under it. */
	isAtRest: (cell: SessionCell) => boolean;
}

interface Outcome extends Pick<
	ManagerEventPayload<'git.ended'>,
	'error' | 'baseCommit' | 'pushedCommit'
> {
	/** What becomes true with it. */
	event?: ManagerEvent;
}

const failed = (error: WireError): Outcome => ({ error, baseCommit: null, pushedCommit: null });
const done: Outcome = { error: null, baseCommit: null, pushedCommit: null };

export class GitActions {
	readonly #options: GitActionsOptions;
	readonly #atWork = new Map<SessionId, Promise<void>>();
	readonly #ending = new AbortController();

	constructor(options: GitActionsOptions) {
		this.#options = options;
	}

	/** Begins what the session waits for, unless it is on its way. Never throws. */
	look(cell: SessionCell): void {
		const { id, state } = cell;
		if (state.gitAction?.status !== 'running' || this.#atWork.has(id)) return;
		if (this.#ending.signal.aborted) return;
		if (isRewind(state.gitAction.request) && !this.#options.isAtRest(cell)) return;
		const work = this.#run(id)
			.catch((cause: unknown) => {
				this.#options.context.logger.warn({ err: cause, sessionId: id }, 'a git action failed');
			})
			.finally(() => this.#atWork.delete(id));
		this.#atWork.set(id, work);
	}

	/** Breaks off what is under way; the next start takes it up again. */
	async stop(): Promise<void> {
		this.#ending.abort();
		await Promise.all(this.#atWork.values());
	}

	async #run(id: SessionId): Promise<void> {
		const { context } = this.#options;
		const cell = await context.log.find(id);
		const action = cell?.state.gitAction;
		const repo = cell && (await context.findRepo(cell.repoId));
		if (!cell || !repo || action?.status !== 'running') return;
		const { event, ...outcome } = await this.#carryOut(repo, cell, action);
		if (this.#ending.signal.aborted) return;
		context.acted(`git_${action.request.kind}`, outcome.error ? 'failed' : 'done');
		await context.log.record(id, (state) =>
			state.gitAction?.commandId === action.commandId && state.gitAction.status === 'running'
				? [
						...(event ? [event] : []),
						{ type: 'git.ended', payload: { commandId: action.commandId, ...outcome } }
					]
				: []
		);
	}

	#carryOut(repo: RepoRow, cell: SessionCell, { commandId, request }: GitAction): Promise<Outcome> {
		switch (request.kind) {
			case 'commit':
				return this.#commit(repo, cell, request.message);
			case 'push':
				return this.#push(repo, cell, request);
			case 'update':
				return this.#update(repo, cell, request.strategy);
			case 'rewind':
			case 'undo_rewind':
				return this.#rewind(repo, cell, commandId, request);
		}
	}

	async #rewind(
		repo: RepoRow,
		cell: SessionCell,
		commandId: string,
		request: RewindRequest
	): Promise<Outcome> {
		const { context, collect } = this.#options;
		const tools = {
			...{ context, repo, collect },
			write: this.#write(repo, cell),
			target: () => this.#target(cell)
		};
		const rewound = await carryOutRewind(tools, cell, commandId, request);
		return rewound.ok ? { ...done, event: rewound.value } : failed(rewound.error);
	}

	async #commit(repo: RepoRow, cell: SessionCell, message: string): Promise<Outcome> {
		const target = this.#target(cell);
		if (!target.ok) return failed(target.error);
		const before = cell.state.headCommit;
		const committed = await commitWorktree(this.#write(repo, cell), target.value, message);
		if (!committed.ok && committed.error.code !== 'nothing_to_do') return failed(committed.error);
		const problem = await this.#options.collect(cell);
		if (problem) return failed(problem);
		if (committed.ok) return done;
		// An app that was ended between the commit and its record finds nothing left to commit.
		const now = await this.#options.context.log.find(cell.id);
		return now?.state.headCommit === before ? failed(committed.error) : done;
	}

	async #push(
		repo: RepoRow,
		cell: SessionCell,
		{ overwrite }: Extract<GitActionRequest, { kind: 'push' }>
	): Promise<Outcome> {
		const commit = cell.state.headCommit;
		if (commit === null) return failed(wireError('nothing_to_do', 'There is nothing to push.'));
		if (cell.row.branchName === repo.defaultBranch) {
			return failed(defaultBranchRefused(cell.row.branchName));
		}
		const signal = AbortSignal.any([this.#ending.signal, AbortSignal.timeout(PUSH_MS)]);
		const { git } = this.#options.context;
		const pushed = await git.push(repo, cell, commit, overwrite, signal);
		return pushed.ok ? { ...done, pushedCommit: commit } : failed(pushed.error);
	}

	async #update(
		repo: RepoRow,
		cell: SessionCell,
		strategy: 'merge' | 'rebase' | 'abort'
	): Promise<Outcome> {
		const target = this.#target(cell);
		if (!target.ok) return failed(target.error);
		const base = await this.#freshBase(repo, cell, strategy === 'abort');
		if (!base.ok) return failed(base.error);
		const source = { strategy, baseCommit: base.value, baseBranch: cell.row.baseBranch };
		const updated = await updateWorktree(this.#write(repo, cell), target.value, source);
		// With conflicts, too: the agent will solve them on top of that base.
		const isMoved = updated.ok ? strategy !== 'abort' : updated.error.code === 'merge_conflict';
		const baseCommit = isMoved ? base.value : null;
		if (!updated.ok) return { error: updated.error, baseCommit, pushedCommit: null };
		// What upstream has is no commit of the session.
		const state = { ...cell.state, baseCommit: base.value };
		const problem = await this.#options.collect({ ...cell, state });
		return { error: problem, baseCommit, pushedCommit: null };
	}

	/** The newest commit of the base branch, kept in the mirror from now on; `isOld` will do to go back. */
	async #freshBase(
		repo: RepoRow,
		cell: SessionCell,
		isOld: boolean
	): Promise<Result<string, WireError>> {
		const { baseCommit } = cell.state;
		if (isOld && baseCommit !== null) return ok(baseCommit);
		const { git } = this.#options.context;
		const { baseBranch } = cell.row;
		const base = await git.resolveBase(repo, cell.row, this.#ending.signal, FETCH_MS);
		if (!base.ok) return base;
		if (base.value.ageSeconds !== null) {
			return fail(
				wireError('repo_unreachable', `The newest state of “${baseBranch}” could not be fetched.`)
			);
		}
		const kept = await git.keepBase(repo, cell, base.value.commit);
		return kept.ok ? ok(base.value.commit) : kept;
	}

	#target(cell: SessionCell): Result<ActionTarget, WireError> {
		const { workspaceRoot, gitIdentity } = this.#options.context;
		const worktreePath = sessionPaths(workspaceRoot, cell.id).worktree;
		if (!existsSync(worktreePath)) {
			return fail(
				wireError('worktree_not_ready', 'The worktree is gone.', {
					hint: 'Resume the session: it is made again from its last commit.'
				})
			);
		}
		return ok({ worktreePath, branchName: cell.row.branchName, identity: gitIdentity });
	}

	#write(repo: RepoRow, cell: SessionCell): WriteInSandbox {
		const { git, workspaceRoot } = this.#options.context;
		const worktreePath = sessionPaths(workspaceRoot, cell.id).worktree;
		return (argv, maxBytes) => {
			const program = { worktreePath, argv, maxBytes, writable: true };
			const signal = AbortSignal.any([this.#ending.signal, AbortSignal.timeout(ACTION_MS)]);
			return git.runInWorktree(repo, cell, program, signal);
		};
	}
}
