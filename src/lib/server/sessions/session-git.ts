/** Git as sessions need it: the git modules, told which repo and which sandbox. */
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { ErrorCode, WireError } from '@agent-manager/protocol/errors.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { DriverKind } from '@agent-manager/protocol/session.ts';
import type { ManagerEventPayload } from '@agent-manager/protocol/events.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { RepoRow } from '#lib/server/db/repos.ts';
import type { SessionRow } from '#lib/server/db/sessions.ts';
import { collectCommits } from '#lib/server/git/collect.ts';
import type { Git } from '#lib/server/git/exec.ts';
import { resolveBase } from '#lib/server/git/base-commit.ts';
import { mirrorExists, readRef } from '#lib/server/git/mirror.ts';
import { pushBranch } from '#lib/server/git/push.ts';
import { branchExists, listRefs, pinBase, saveRefs } from '#lib/server/git/refs.ts';
import type { Remote } from '#lib/server/git/remote.ts';
import { restoreSessionRef } from '#lib/server/git/session-refs.ts';
import { createWorktree, removeWorktree, type GitIdentity } from '#lib/server/git/worktree.ts';
import type { RunOnceSpec, SandboxDriver } from '#lib/server/runner/sandbox/driver.ts';
import { cappedOutput } from './capped-output.ts';
import type { SessionCell } from './session-view.ts';

export interface SessionGitOptions {
	git: Git;
	workspaceRoot: string;
	instance: string;
	identity: GitIdentity;
	remoteFor: (repo: RepoRow) => Promise<Remote>;
	drivers: () => readonly SandboxDriver[];
	now: () => Date;
}

export interface ResolvedBase {
	commit: string;
	/** null when it is fresh; else how old what we have is. */
	ageSeconds: number | null;
}

export interface WorktreeProgram {
	worktreePath: string;
	argv: readonly string[];
	/** What it reads; without it, nothing. */
	input?: Readable;
	/** It may change the worktree. */
	writable: boolean;
	/** It is ended when it has said more. */
	maxBytes: number;
}

export interface WorktreeAnswer {
	exitCode: number;
	output: string;
	stderr: string;
	/** It had more to say than was wanted. */
	isCut: boolean;
}

/** The driver could not even begin: nothing has been printed. */
const AWAY: ReadonlySet<ErrorCode> = new Set([
	'engine_unreachable',
	'sandbox_unavailable',
	'sandbox_image_missing'
]);

/** For the commits of a worktree that nobody waits for. */
const ORPHAN_MS = 5 * 60_000;

export class SessionGit {
	readonly #options: SessionGitOptions;

	constructor(options: SessionGitOptions) {
		this.#options = options;
	}

	mirror(repo: RepoRow): string {
		return join(this.#options.workspaceRoot, repo.mirrorPath);
	}

	mirrorObjects(repo: RepoRow): string {
		return join(this.mirror(repo), 'objects');
	}

	async hasBaseBranch(repo: RepoRow, branch: string): Promise<boolean> {
		const found = await readRef(
			this.#options.git,
			this.mirror(repo),
			`refs/remotes/origin/${branch}`
		);
		return found.ok && found.value !== null;
	}

	async isBranchFree(repo: RepoRow, branchName: string): Promise<boolean> {
		const taken = await branchExists(this.#options.git, this.mirror(repo), branchName);
		return taken.ok && !taken.value;
	}

	async hasSessionBranch(repo: RepoRow, branchName: string): Promise<boolean> {
		const found = await readRef(this.#options.git, this.mirror(repo), `refs/heads/${branchName}`);
		return found.ok && found.value !== null;
	}

	/** The names of all refs that sessions have in the mirror; null when there is no mirror. */
	async sessionRefs(repo: RepoRow): Promise<Result<ReadonlySet<string> | null, WireError>> {
		const mirrorPath = this.mirror(repo);
		if (!(await mirrorExists(mirrorPath))) return ok(null);
		const listed = await listRefs(this.#options.git, mirrorPath, 'refs/heads', 'refs/base');
		return listed.ok ? ok(new Set(listed.value.map(({ ref }) => ref))) : listed;
	}

	/** `timeoutMs`: how long upstream may take; what it does not answer in time is told by the age. */
	async resolveBase(
		repo: RepoRow,
		{ baseBranch: branch, baseSessionId }: Pick<SessionRow, 'baseBranch' | 'baseSessionId'>,
		signal: AbortSignal,
		timeoutMs?: number
	): Promise<Result<ResolvedBase, WireError>> {
		if (baseSessionId !== null) return this.#sessionTip(repo, branch);
		const { git, remoteFor, now } = this.#options;
		const remote = await remoteFor(repo);
		const mirrorPath = this.mirror(repo);
		const base = await resolveBase(git, { mirrorPath, remote, branch, timeoutMs, signal });
		if (!base.ok) return base;
		const { commit, fresh } = base.value;
		const fetchedAt = repo.fetchedAt?.getTime() ?? repo.createdAt.getTime();
		return ok({
			commit,
			ageSeconds: fresh ? null : Math.max(0, (now().getTime() - fetchedAt) / 1_000)
		});
	}

	/** Another session's branch is in the mirror and nowhere else: it is always as new as can be. */
	async #sessionTip(repo: RepoRow, branch: string): Promise<Result<ResolvedBase, WireError>> {
		const tip = await readRef(this.#options.git, this.mirror(repo), `refs/heads/${branch}`);
		if (!tip.ok) return tip;
		return tip.value === null
			? fail(wireError('base_branch_not_found', `The branch “${branch}” is gone.`))
			: ok({ commit: tip.value, ageSeconds: null });
	}

	async createWorktree(
		repo: RepoRow,
		worktreePath: string,
		{ row }: SessionCell,
		{ baseCommit, tipCommit }: { baseCommit: string; tipCommit?: string },
		signal: AbortSignal
	): Promise<Result<void, WireError>> {
		const { git, identity } = this.#options;
		const { branchName, baseBranch } = row;
		const mirrorPath = this.mirror(repo);
		const [pinned, made] = await Promise.all([
			pinBase(git, mirrorPath, branchName, baseCommit),
			createWorktree(git, {
				mirrorPath,
				worktreePath,
				branchName,
				baseBranch,
				baseCommit,
				tipCommit,
				identity,
				signal
			})
		]);
		if (!pinned.ok) return pinned;
		return made.ok ? ok() : made;
	}

	/** Newest commit of the session's branch in the mirror; null when none came in. */
	async branchTip(repo: RepoRow, { row }: SessionCell): Promise<Result<string | null, WireError>> {
		const ref = `refs/heads/${row.branchName}`;
		return readRef(this.#options.git, this.mirror(repo), ref);
	}

	/**
	 * Makes the worktree of a session again that had one, at the last commit that came in. False when
	 * the mirror has neither that commit nor the base: then there is nothing to make it from.
	 */
	async restoreWorktree(
		repo: RepoRow,
		worktreePath: string,
		cell: SessionCell,
		signal: AbortSignal
	): Promise<Result<boolean, WireError>> {
		const { baseCommit } = cell.state;
		if (baseCommit === null) return ok(false);
		const base = await this.restoreBase(repo, cell);
		if (!base.ok || !base.value) return base;
		const branch = await this.restoreBranch(repo, cell);
		if (!branch.ok || !branch.value) return branch;
		const tip = await this.branchTip(repo, cell);
		if (!tip.ok) return tip;
		const commits = { baseCommit, ...(tip.value === null ? {} : { tipCommit: tip.value }) };
		const made = await this.createWorktree(repo, worktreePath, cell, commits, signal);
		return made.ok ? ok(true) : made;
	}

	/** Brings the branch's commits into the mirror; null when it has none of its own yet. */
	async collect(
		repo: RepoRow,
		{ id, row, state }: SessionCell,
		worktreePath: string,
		signal: AbortSignal
	): Promise<Result<ManagerEventPayload<'commits.collected'> | null, WireError>> {
		if (state.driver === null || state.baseCommit === null) return ok(null);
		const spec: RunOnceSpec = {
			labels: { instance: this.#options.instance, session: id, epoch: state.epoch },
			worktreePath,
			mirrorObjectsPath: this.mirrorObjects(repo)
		};
		const collected = await collectCommits(this.#options.git, {
			mirrorPath: this.mirror(repo),
			worktreePath,
			branchName: row.branchName,
			baseCommit: state.baseCommit,
			signal,
			runInSandbox: (argv: readonly string[], stdout: Writable, stop: AbortSignal) =>
				this.#runOnce(state.driver, spec, argv, { stdout }, stop)
		});
		if (!collected.ok) return collected;
		const { head, commitCount, fastForward } = collected.value;
		return ok(head === null ? null : { head, commitCount, fastForward });
	}

	/** What a program says over the session's worktree, in a throw-away sandbox. */
	async runInWorktree(
		repo: RepoRow,
		{ id, state }: SessionCell,
		program: WorktreeProgram,
		signal: AbortSignal
	): Promise<Result<WorktreeAnswer, WireError>> {
		const output = cappedOutput(program.maxBytes);
		const spec: RunOnceSpec = {
			labels: { instance: this.#options.instance, session: id, epoch: Math.max(1, state.epoch) },
			worktreePath: program.worktreePath,
			mirrorObjectsPath: this.mirrorObjects(repo),
			...(program.writable ? { writable: true } : {})
		};
		const stop = AbortSignal.any([signal, output.full]);
		const stdio = { stdin: program.input, stdout: output.stream };
		const ran = await this.#runOnce(state.driver, spec, program.argv, stdio, stop);
		if (output.full.aborted)
			return ok({ exitCode: 0, output: output.text(), stderr: '', isCut: true });
		if (!ran.ok) return ran;
		const { exitCode, stderr } = ran.value;
		return ok({ exitCode, output: output.text(), stderr, isCut: false });
	}

	/** What a program says over another session's folder or worktree, in a throw-away sandbox that sees nothing else. */
	printFolder(
		repo: RepoRow,
		{ state }: SessionCell,
		{ folder, session, argv }: { folder: string; session: SessionId; argv: readonly string[] },
		stdout: Writable,
		signal: AbortSignal
	): Promise<Result<{ exitCode: number; stderr: string }, WireError>> {
		const spec: RunOnceSpec = {
			labels: { instance: this.#options.instance, session, epoch: 1 },
			worktreePath: folder,
			mirrorObjectsPath: this.mirrorObjects(repo)
		};
		return this.#runOnce(state.driver, spec, argv, { stdout }, signal);
	}

	/** The branch of a fork begins at another session's commit; false when the mirror has lost that. */
	beginBranchAt(
		repo: RepoRow,
		{ row }: SessionCell,
		commit: string
	): Promise<Result<boolean, WireError>> {
		const ref = `refs/heads/${row.branchName}`;
		return restoreSessionRef(this.#options.git, this.mirror(repo), ref, commit);
	}

	/** Where the branch is in the mirror stays within reach there, under a saved ref. */
	async keepTip(
		repo: RepoRow,
		cell: SessionCell,
		savedAs: string
	): Promise<Result<void, WireError>> {
		const tip = await this.branchTip(repo, cell);
		if (!tip.ok || tip.value === null) return tip.ok ? ok() : tip;
		const ref = `refs/saved/${savedAs}/${cell.row.branchName}`;
		const kept = await restoreSessionRef(this.#options.git, this.mirror(repo), ref, tip.value);
		return kept.ok ? ok() : kept;
	}

	/** Fast-forward, or over the one commit that `overwrite` names. */
	async push(
		repo: RepoRow,
		{ row }: SessionCell,
		commit: string,
		overwrite: string | null,
		signal: AbortSignal
	): Promise<Result<void, WireError>> {
		const { git, remoteFor } = this.#options;
		const remote = await remoteFor(repo);
		const mirrorPath = this.mirror(repo);
		const { branchName } = row;
		return pushBranch(git, { mirrorPath, remote, branchName, commit, overwrite, signal });
	}

	/** The session builds on another commit from now on, which the mirror has to keep. */
	async keepBase(
		repo: RepoRow,
		{ row }: SessionCell,
		commit: string
	): Promise<Result<void, WireError>> {
		return pinBase(this.#options.git, this.mirror(repo), row.branchName, commit);
	}

	/** By the session's own driver; while its engine is away, by any other: the worktree is the same. */
	async #runOnce(
		own: DriverKind | null,
		spec: RunOnceSpec,
		argv: readonly string[],
		stdio: { stdin?: Readable; stdout: Writable },
		signal: AbortSignal
	) {
		const rank = ({ kind }: SandboxDriver): number => (kind === own ? 0 : 1);
		const drivers = [...this.#options.drivers()].sort((a, b) => rank(a) - rank(b));
		let last: Awaited<ReturnType<SandboxDriver['runOnce']>> = fail(
			wireError('sandbox_unavailable', 'There is no sandbox to look into the worktree with.')
		);
		for (const driver of drivers) {
			last = await driver.runOnce(spec, argv, stdio, signal);
			if (last.ok || !AWAY.has(last.error.code)) break;
		}
		return last;
	}

	/** Writes the session's branch if the mirror has lost it; false when it has lost the commits, too. */
	async restoreBranch(
		repo: RepoRow,
		{ row, state }: SessionCell
	): Promise<Result<boolean, WireError>> {
		if (state.headCommit === null) return ok(true);
		const ref = `refs/heads/${row.branchName}`;
		return restoreSessionRef(this.#options.git, this.mirror(repo), ref, state.headCommit);
	}

	/** Keeps the commit that the session began from again; false when the mirror does not have it. */
	async restoreBase(
		repo: RepoRow,
		{ row, state }: SessionCell
	): Promise<Result<boolean, WireError>> {
		if (state.baseCommit === null) return ok(true);
		const ref = `refs/base/${row.branchName}`;
		return restoreSessionRef(this.#options.git, this.mirror(repo), ref, state.baseCommit);
	}

	/**
	 * Brings the commits of a worktree without a session into the mirror, under a saved ref. What they
	 * build on is the base if it is kept, else the upstream's default branch: the worktree has both.
	 */
	async saveOrphan(
		repo: RepoRow,
		sessionId: SessionId,
		worktreePath: string,
		branchName: string
	): Promise<Result<string | null, WireError>> {
		const { git, instance } = this.#options;
		const mirrorPath = this.mirror(repo);
		const bases = [`refs/base/${branchName}`, `refs/remotes/origin/${repo.defaultBranch}`];
		let baseCommit: string | null = null;
		for (const ref of bases) {
			const read = await readRef(git, mirrorPath, ref);
			if (!read.ok) return read;
			baseCommit ??= read.value;
		}
		if (baseCommit === null) return fail(wireError('git_failed', 'The mirror has no base for it.'));
		const spec: RunOnceSpec = {
			labels: { instance, session: sessionId, epoch: 1 },
			worktreePath,
			mirrorObjectsPath: this.mirrorObjects(repo)
		};
		const collected = await collectCommits(git, {
			...{ mirrorPath, worktreePath, branchName, baseCommit },
			signal: AbortSignal.timeout(ORPHAN_MS),
			runInSandbox: (argv, stdout, stop) => this.#runOnce(null, spec, argv, { stdout }, stop)
		});
		if (!collected.ok) return collected;
		return this.keepBranch(repo, sessionId, branchName);
	}

	/** Takes a purged session's branch away; commits that no remote has stay under a saved ref. */
	saveBranch(repo: RepoRow, { id, row }: SessionCell): Promise<Result<string | null, WireError>> {
		return this.keepBranch(repo, id, row.branchName);
	}

	/** The same for a branch of no session; `savedAs` is a name that no other saved ref has. */
	async keepBranch(
		repo: RepoRow,
		savedAs: string,
		branchName: string
	): Promise<Result<string | null, WireError>> {
		const mirrorPath = this.mirror(repo);
		// A mirror that was taken away has nothing left to save, and must not keep its sessions from going.
		if (!(await mirrorExists(mirrorPath))) return ok(null);
		return saveRefs(this.#options.git, { mirrorPath, sessionId: savedAs, branchName });
	}

	/** Removes a folder that a sandbox wrote to. */
	async removeFolder(path: string): Promise<Result<void, WireError>> {
		if (!path.startsWith(join(this.#options.workspaceRoot, '/'))) {
			return fail(wireError('internal', 'Only folders of the workspace are removed.'));
		}
		return removeWorktree(this.#options.git, path);
	}
}
