/**
 * What a session has changed, for its page: commits out of the mirror, the worktree through a sandbox.
 * The host's git reads no worktree.
 */
import { existsSync } from 'node:fs';
import pLimit from 'p-limit';
import type {
	Changes,
	ChangeScope,
	ChangesQuery,
	FileDiff,
	FileList,
	SessionCommits
} from '@agent-manager/protocol/changes.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { RepoRow } from '#lib/server/db/repos.ts';
import {
	changedBetween,
	changedInWorktree,
	fileDiffBetween,
	fileDiffInWorktree,
	mergeBase,
	type Compared,
	type FilePaths,
	type Worktree
} from '#lib/server/git/changes.ts';
import { compareCommit, listCommits } from '#lib/server/git/commit-log.ts';
import type { Git } from '#lib/server/git/exec.ts';
import { filesInCommit, filesInWorktree } from '#lib/server/git/file-list.ts';
import type { SessionContext } from './session-context.ts';
import { sessionPaths } from './session-paths.ts';
import type { SessionCell } from './session-view.ts';

const LOOK_MS = 30_000;
/** Each look into a worktree is a sandbox of its own. */
const LOOKS_AT_ONCE = 2;
/** Of how many pairs of commits it is remembered what they have in common. */
const COMMON_KEPT = 1_000;

type Needs = Pick<SessionContext, 'log' | 'git' | 'findRepo' | 'workspaceRoot'>;

/** For a person's shell; ours is never given one. */
const shellWord = (text: string): string =>
	/^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

interface Subject {
	repo: RepoRow;
	cell: SessionCell;
}

export class SessionChanges {
	readonly #context: Needs;
	readonly #git: Git;
	readonly #inTurn = pLimit(LOOKS_AT_ONCE);
	/** What two commits have in common never changes: asked of git once, and not for each file. */
	readonly #common = new Map<string, string>();

	constructor(context: Needs, git: Git) {
		this.#context = context;
		this.#git = git;
	}

	async list(sessionId: SessionId, wanted: ChangesQuery): Promise<Result<Changes, WireError>> {
		const subject = await this.#subject(sessionId);
		if (!subject.ok) return subject;
		const { scope } = wanted;
		const nothing = { files: [], fileCount: 0, added: 0, removed: 0 };
		const fetchCommand = this.#fetchCommand(subject.value);
		const worktree = this.#worktree(subject.value, scope);
		if (worktree) {
			const changed = await this.#inTurn(() => changedInWorktree(worktree));
			return changed.ok ? ok({ scope, to: null, ...changed.value, fetchCommand }) : changed;
		}
		const compared = await this.#compared(subject.value, wanted);
		if (!compared.ok) return compared;
		if (!compared.value) return ok({ scope, from: null, to: null, ...nothing, fetchCommand });
		const { from, to } = compared.value;
		const changed = await changedBetween(this.#git, compared.value);
		return changed.ok ? ok({ scope, from, to, ...changed.value, fetchCommand }) : changed;
	}

	async file(
		sessionId: SessionId,
		wanted: ChangesQuery,
		file: FilePaths
	): Promise<Result<FileDiff, WireError>> {
		const subject = await this.#subject(sessionId);
		if (!subject.ok) return subject;
		const worktree = this.#worktree(subject.value, wanted.scope);
		if (worktree) return this.#inTurn(() => fileDiffInWorktree(worktree, file));
		const compared = await this.#compared(subject.value, wanted);
		if (!compared.ok) return compared;
		return compared.value
			? fileDiffBetween(this.#git, compared.value, file)
			: ok({ hunks: '', omitted: null });
	}

	/** Paths of its files: as they are now, or as they were committed where the worktree can't be looked into. */
	async files(sessionId: SessionId): Promise<Result<FileList, WireError>> {
		const subject = await this.#subject(sessionId);
		if (!subject.ok) return subject;
		const worktree = this.#worktree(subject.value, 'uncommitted');
		const listed = worktree && (await this.#inTurn(() => filesInWorktree(worktree)));
		if (listed?.ok) return listed;
		const { baseCommit, headCommit } = subject.value.cell.state;
		const commit = headCommit ?? baseCommit;
		if (commit === null) return listed ?? ok({ paths: [], isCut: false });
		return filesInCommit(this.#git, this.#context.git.mirror(subject.value.repo), commit);
	}

	/** The commits of the session that the mirror has. */
	async commits(sessionId: SessionId): Promise<Result<SessionCommits, WireError>> {
		const subject = await this.#subject(sessionId);
		if (!subject.ok) return subject;
		const { baseCommit, headCommit } = subject.value.cell.state;
		if (baseCommit === null || headCommit === null) return ok({ commits: [], commitCount: 0 });
		const mirrorPath = this.#context.git.mirror(subject.value.repo);
		return listCommits(this.#git, { mirrorPath, from: baseCommit, to: headCommit });
	}

	async #subject(sessionId: SessionId): Promise<Result<Subject, WireError>> {
		const cell = await this.#context.log.find(sessionId);
		const repo = cell && (await this.#context.findRepo(cell.repoId));
		return cell && repo
			? ok({ repo, cell })
			: fail(wireError('session_not_found', 'There is no session with this id.'));
	}

	/** What the mirror can tell; null while the branch has no commits of its own. */
	async #compared(
		{ repo, cell }: Subject,
		{ scope, commit }: ChangesQuery
	): Promise<Result<Compared | null, WireError>> {
		const { baseCommit, headCommit, turnCommit } = cell.state;
		if (baseCommit === null || headCommit === null || scope === 'uncommitted') return ok(null);
		const mirrorPath = this.#context.git.mirror(repo);
		if (commit !== undefined) return compareCommit(this.#git, mirrorPath, headCommit, commit);
		const compared = { mirrorPath, from: turnCommit ?? baseCommit, to: headCommit };
		if (scope === 'turn') return ok(compared);
		// An update that is under way has moved the base on, and the branch not yet.
		const common = await this.#commonOf({ ...compared, from: baseCommit });
		return common.ok ? ok({ ...compared, from: common.value }) : common;
	}

	/** The newest commit that both have, or the first of them. */
	async #commonOf(compared: Compared): Promise<Result<string, WireError>> {
		const key = `${compared.from} ${compared.to}`;
		const known = this.#common.get(key);
		if (known !== undefined) return ok(known);
		const found = await mergeBase(this.#git, compared);
		if (!found.ok) return found;
		const common = found.value ?? compared.from;
		this.#common.set(key, common);
		const oldest = this.#common.size > COMMON_KEPT ? this.#common.keys().next().value : undefined;
		if (oldest !== undefined) this.#common.delete(oldest);
		return ok(common);
	}

	#fetchCommand({ repo, cell }: Subject): string | null {
		if (cell.state.headCommit === null) return null;
		const { branchName } = cell.row;
		const mirrorPath = this.#context.git.mirror(repo);
		return `git fetch ${shellWord(mirrorPath)} ${shellWord(`${branchName}:${branchName}`)}`;
	}

	/**
	 * Where the scope goes beyond what is committed; null when it doesn't, or while there is no worktree. A
	 * turn is compared up to now: an agent that commits nothing has changed something all the same.
	 */
	#worktree({ repo, cell }: Subject, scope: ChangeScope): Worktree | null {
		if (scope !== 'turn' && scope !== 'uncommitted') return null;
		const { git, workspaceRoot } = this.#context;
		const path = sessionPaths(workspaceRoot, cell.id).worktree;
		if (cell.state.baseCommit === null || !existsSync(path)) return null;
		const read: Worktree['read'] = async (argv, maxBytes) => {
			const signal = AbortSignal.timeout(LOOK_MS);
			const program = { worktreePath: path, argv, maxBytes, writable: false };
			const ran = await git.runInWorktree(repo, cell, program, signal);
			if (!ran.ok && signal.aborted) {
				return fail(wireError('git_timeout', 'The worktree could not be read in time.'));
			}
			if (!ran.ok || ran.value.exitCode === 0) return ran;
			const why = `git in the sandbox ended with ${ran.value.exitCode}.`;
			return fail(wireError('git_failed', `The worktree could not be read: ${why}`));
		};
		const { turnCommit, baseCommit } = cell.state;
		return { path, since: scope === 'turn' ? (turnCommit ?? baseCommit) : null, read };
	}
}
