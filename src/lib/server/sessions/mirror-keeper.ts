/**
 * Keeps in each repo's mirror what its sessions have there: where they began, and their branch. A mirror
 * that was made anew has neither. Level-triggered: what the rows say is compared with the mirror's refs at
 * boot, when a mirror was made, and now and then; what is missing comes in again from the worktree, and is
 * tried until it is there. One session's trouble is not the others'.
 */
import pLimit from 'p-limit';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import { wireError } from '#lib/domain/errors.ts';
import { decide } from '#lib/domain/session-decisions.ts';
import { isLive } from '#lib/domain/session-machine.ts';
import { databaseErrorMessage } from '#lib/server/db/connection-errors.ts';
import { listRepos, type RepoRow } from '#lib/server/db/repos.ts';
import { listSessions } from '#lib/server/db/sessions.ts';
import type { SessionContext } from './session-context.ts';
import { toCell, type SessionCell } from './session-view.ts';

export interface MirrorKeeperOptions {
	context: SessionContext;
	/** Brings the branch's commits into the mirror; why not, or null. */
	collect: (cell: SessionCell) => Promise<WireError | null>;
	/** A look that failed is taken again after this long, doubled each time up to the maximum. */
	retryMs?: number;
}

const RETRY_MS = 1_000;
const RETRY_MAX_MS = 60_000;
/** Each of them is a throw-away sandbox. */
const AT_ONCE = 2;

interface Look {
	again: boolean;
	/** Cleared in the same moment as the last look ends, so that no wake-up falls between. */
	busy: boolean;
	/** The mirror was made anew, and the sandboxes that hold on to the old one are not marked yet. */
	made: boolean;
	running: Promise<void>;
	failures: number;
	retry: NodeJS.Timeout | null;
	problems: readonly string[];
}

/** Of what the row says the mirror shall have. */
const lacksRefs = ({ row, state }: SessionCell, refs: ReadonlySet<string>): boolean => {
	if (state.desired === 'purged') return false;
	const lacks = (commit: string | null, ref: string): boolean => commit !== null && !refs.has(ref);
	return (
		lacks(state.baseCommit, `refs/base/${row.branchName}`) ||
		lacks(state.headCommit, `refs/heads/${row.branchName}`)
	);
};

/** Writes the branch that the mirror has lost: from its objects, else from the worktree. */
export const bringBranchBack = async (
	{ git }: Pick<SessionContext, 'git'>,
	repo: RepoRow,
	cell: SessionCell,
	collect: MirrorKeeperOptions['collect']
): Promise<WireError | null> => {
	const kept = await git.restoreBranch(repo, cell);
	if (!kept.ok || kept.value) return kept.ok ? null : kept.error;
	const problem = await collect(cell);
	if (problem) return problem;
	const tip = await git.branchTip(repo, cell);
	if (!tip.ok || tip.value !== null) return tip.ok ? null : tip.error;
	return wireError('git_failed', 'The worktree does not have these commits either.');
};

export class MirrorKeeper {
	readonly #options: MirrorKeeperOptions;
	readonly #looks = new Map<RepoId, Look>();
	/** Sandboxes that hold on to a mirror that is gone, by the epoch they are of. */
	readonly #outdated = new Map<SessionId, number>();
	readonly #inTurn = pLimit(AT_ONCE);
	#stopped = false;

	constructor(options: MirrorKeeperOptions) {
		this.#options = options;
	}

	/** What is still not in a mirror, in words: of each session one. */
	get problems(): string[] {
		return [...this.#looks.values()].flatMap(({ problems }) => problems);
	}

	/** Looks at every mirror soon. */
	async lookAll(): Promise<void> {
		for (const { id } of await listRepos(this.#options.context.db)) this.look(id as RepoId);
	}

	/** Looks at a repo's mirror soon. */
	look(repoId: RepoId): void {
		if (this.#stopped) return;
		const look = this.#lookOf(repoId);
		look.again = true;
		if (look.busy) return;
		look.busy = true;
		look.running = this.#run(repoId, look);
	}

	/**
	 * A repo's mirror was made anew. Sandboxes hold on to the old one: as soon as they are idle they are put to
	 * sleep, so that the next message finds the new one.
	 */
	made(repoId: RepoId): void {
		this.#lookOf(repoId).made = true;
		this.look(repoId);
	}

	/** Puts the session to sleep if its sandbox holds on to a mirror that is gone, and it is idle. */
	async putToSleep({ id, state }: SessionCell): Promise<void> {
		if (!this.#outdated.has(id)) return;
		if (this.#outdated.get(id) === state.epoch && isLive(state.status) && !state.asleep) {
			await this.#options.context.log.record(id, (now) => {
				const decision = decide(now, { type: 'sleep', afterSeconds: 0 });
				if (decision.ok) this.#outdated.delete(id);
				return decision.ok ? decision.value.events : [];
			});
		} else this.#outdated.delete(id);
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		for (const { retry } of this.#looks.values()) if (retry) clearTimeout(retry);
		await Promise.allSettled([...this.#looks.values()].map(({ running }) => running));
	}

	#lookOf(repoId: RepoId): Look {
		const known = this.#looks.get(repoId);
		if (known) return known;
		const look: Look = {
			...{ again: false, busy: false, made: false, running: Promise.resolve() },
			...{ failures: 0, retry: null, problems: [] }
		};
		this.#looks.set(repoId, look);
		return look;
	}

	async #run(repoId: RepoId, look: Look): Promise<void> {
		if (look.retry) clearTimeout(look.retry);
		look.retry = null;
		let isWhole = false;
		while (look.again && !this.#stopped) {
			look.again = false;
			try {
				look.problems = await this.#take(repoId, look);
				isWhole = look.problems.length === 0;
			} catch (cause) {
				this.#options.context.logger.warn({ err: cause, repoId }, 'a look at a mirror failed');
				isWhole = false;
			}
		}
		look.busy = false;
		if (isWhole) look.failures = 0;
		else this.#retryLater(repoId, look);
	}

	#retryLater(repoId: RepoId, look: Look): void {
		if (this.#stopped) return;
		const { retryMs = RETRY_MS } = this.#options;
		const delayMs = Math.min(retryMs * 2 ** look.failures++, RETRY_MAX_MS);
		look.retry = setTimeout(() => this.look(repoId), delayMs);
		look.retry.unref();
	}

	/** One look at one mirror; what could not be mended, in words. */
	async #take(repoId: RepoId, look: Look): Promise<string[]> {
		const { db, findRepo, git, logger } = this.#options.context;
		const repo = await findRepo(repoId);
		// While it is cloned there is nothing to compare with, and then somebody says that it was made.
		if (repo?.status !== 'ready') return [];
		const refs = await git.sessionRefs(repo);
		if (!refs.ok) return [refs.error.message];
		if (refs.value === null) return [];
		const there = refs.value;
		const cells = (await listSessions(db, { repoId })).map(toCell);
		if (look.made) for (const { id, state } of cells) this.#outdated.set(id, state.epoch);
		look.made = false;
		const mending = cells.map((cell) =>
			this.#inTurn(async () => {
				if (this.#stopped) return [];
				const problem = lacksRefs(cell, there) ? await this.#mend(repo, cell) : null;
				await this.putToSleep(cell);
				if (!problem) return [];
				logger.warn({ error: problem, sessionId: cell.id }, 'a mirror lacks a session’s commits');
				return [`“${cell.state.title ?? cell.row.title}”: ${problem.message}`];
			})
		);
		const mended = await Promise.allSettled(mending);
		return mended.flatMap((it) =>
			it.status === 'fulfilled' ? it.value : [databaseErrorMessage(it.reason)]
		);
	}

	/** null: the mirror has them again. */
	async #mend(repo: RepoRow, cell: SessionCell): Promise<WireError | null> {
		const { context, collect } = this.#options;
		const base = await context.git.restoreBase(repo, cell);
		if (!base.ok) return base.error;
		if (this.#stopped) return null;
		if (base.value) return bringBranchBack(context, repo, cell, collect);
		return wireError(
			'git_failed',
			'The upstream does not have the commit any more that it began from.'
		);
	}
}
