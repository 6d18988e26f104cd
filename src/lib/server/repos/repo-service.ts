/** Registration, refresh and removal of repos: what the API and `/ws` call. */
import { rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { RepoId } from '@agent-manager/protocol/ids.ts';
import type { Repo } from '@agent-manager/protocol/repo.ts';
import type { RepoRuleRequest } from '@agent-manager/protocol/requests.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { keptRule, RULES_MAX, tooManyRules } from '#lib/domain/session-rules.ts';
import type { Database } from '#lib/server/db/client.ts';
import { addRule, listAllRules, listRules, removeRule } from '#lib/server/db/permission-rules.ts';
import { findRepo, insertRepo, listRepos, updateRepo, type RepoRow } from '#lib/server/db/repos.ts';
import { countSessions } from '#lib/server/db/sessions.ts';
import type { Git } from '#lib/server/git/exec.ts';
import { checkHost, type HostPolicy } from '#lib/server/git/host-policy.ts';
import { mirrorExists, sweepMirror } from '#lib/server/git/mirror.ts';
import type { Remote } from '#lib/server/git/remote.ts';
import { parseRepoAddress, type RepoAddress } from '#lib/server/git/repo-address.ts';
import { checkLocalRepo } from './local-repo-check.ts';
import { RepoFetcher } from './repo-fetcher.ts';
import {
	removedMirrorsFolder,
	removeOrphanedMirror,
	removeRepo,
	type RepoRemovalOptions,
	type RepoRemoved
} from './repo-removal.ts';
import { toRepo } from './repo-view.ts';

/** A registration answers soon; a name server that is slower is asked again by the clone. */
const HOST_CHECK_TIMEOUT_MS = 800;

const LOOK_MS = 5_000;
/** A lost mirror that could not be cloned again is tried after so many looks, doubled each time up to the maximum. */
const RETRY_LOOKS_MAX = 60;

export interface RepoServiceOptions {
	db: Database;
	git: Git;
	workspaceRoot: string;
	/** While it is not, a mirror that is missing says nothing. */
	isWorkspaceThere: () => Promise<boolean>;
	policy: HostPolicy;
	remoteFor: (row: RepoRow) => Promise<Remote>;
	now: () => Date;
	newId: () => string;
	logger: Logger;
	purgeSessions: RepoRemovalOptions['purgeSessions'];
	/** A repo looks different, by progress too; at most four times a second each. */
	onChange: (id: RepoId) => void;
	onRemoved: (id: RepoId) => void;
	onRulesChanged: (id: RepoId) => Promise<void>;
	/** A mirror was made: the repo's first one, or one in the place of one that was lost. Must not throw. */
	onMirrorMade: (id: RepoId) => void;
	/** How often it is looked whether the mirrors are still there. */
	lookMs?: number;
}

/** It had a mirror, lost it, and could not clone another one. One that never had any is a person's to mend. */
const hasLostMirror = ({ status, fetchedAt, defaultBranch }: RepoRow): boolean =>
	status === 'error' && fetchedAt === null && defaultBranch !== null;

const notFound = (): Result<never, WireError> =>
	fail(wireError('repo_not_found', 'There is no repo with this id.'));

export class RepoService {
	readonly #options: RepoServiceOptions;
	readonly #fetcher: RepoFetcher;
	#timer: NodeJS.Timeout | null = null;
	#looking: Promise<void> | null = null;
	readonly #removing = new Set<RepoId>();
	/** Clones of lost mirrors that failed: how often, and for how many looks they rest. */
	readonly #failed = new Map<RepoId, { times: number; rest: number }>();

	constructor(options: RepoServiceOptions) {
		this.#options = options;
		const mirrorPathOf = (row: RepoRow): string => this.mirrorPathOf(row);
		this.#fetcher = new RepoFetcher({
			...{ ...options, mirrorPathOf },
			onMade: (id) => {
				this.#failed.delete(id);
				options.onMirrorMade(id);
			}
		});
	}

	mirrorPathOf(row: RepoRow): string {
		return join(this.#options.workspaceRoot, row.mirrorPath);
	}

	/** In order of registration, without their branches. */
	async list(): Promise<Repo[]> {
		const { db } = this.#options;
		const [rows, counts, rules] = await Promise.all([
			listRepos(db),
			countSessions(db),
			listAllRules(db)
		]);
		return rows.map((row) => {
			const progress = this.#fetcher.progress(row.id as RepoId);
			const repo = toRepo(row, counts.get(row.id), progress, rules.get(row.id) ?? []);
			delete repo.branches;
			return repo;
		});
	}

	/** Error: `repo_not_found`. */
	async get(id: RepoId): Promise<Result<Repo, WireError>> {
		const row = await findRepo(this.#options.db, id);
		return row ? ok(await this.#view(row)) : notFound();
	}

	/**
	 * Writes the repo down and begins to clone it. What only the clone can find out shows on the repo.
	 * Errors: `repo_url_invalid`, `repo_path_invalid`, `repo_host_not_allowed`, `repo_exists` with
	 * `details.repoId`.
	 */
	async register(url: string): Promise<Result<Repo, WireError>> {
		const address = await this.#checkAddress(url);
		if (!address.ok) return address;
		const { kind, owner, name, webUrl, identity, mirrorPath } = address.value;
		const { db, newId, now } = this.#options;
		const inserted = await insertRepo(db, {
			id: newId(),
			kind,
			owner,
			name,
			url: address.value.url,
			webUrl,
			identity,
			mirrorPath,
			status: 'cloning',
			createdAt: now()
		});
		if ('existingId' in inserted) {
			return fail(
				wireError('repo_exists', `${owner}/${name} is registered already.`, {
					details: { repoId: inserted.existingId }
				})
			);
		}
		return ok(await this.#fetch(inserted.row));
	}

	/**
	 * What its sessions may do without asking: one rule more, or one in the place of another.
	 * Errors: `repo_not_found`, `rule_invalid`, `rule_limit`.
	 */
	async addRule(id: RepoId, { rule, replaces }: RepoRuleRequest): Promise<Result<Repo, WireError>> {
		const { db } = this.#options;
		const kept = keptRule(rule);
		if (!kept.ok) return kept;
		const row = await findRepo(db, id);
		if (!row) return notFound();
		const rules = await listRules(db, id);
		const isNew = !rules.some((known) => known.rule === kept.value || known.rule === replaces);
		if (isNew && rules.length >= RULES_MAX) return fail(tooManyRules());
		await addRule(db, id, kept.value, replaces);
		return this.#rulesChanged(row);
	}

	/** Twice is once. */
	async removeRule(id: RepoId, rule: string): Promise<Result<Repo, WireError>> {
		const { db } = this.#options;
		const row = await findRepo(db, id);
		if (!row) return notFound();
		await removeRule(db, id, rule);
		return this.#rulesChanged(row);
	}

	async #rulesChanged(row: RepoRow): Promise<Result<Repo, WireError>> {
		await this.#options.onRulesChanged(row.id as RepoId);
		return ok(await this.#view(row));
	}

	/** Begins to fetch, or to clone again after a failure; one that is at work goes on. */
	async refresh(id: RepoId): Promise<Result<Repo, WireError>> {
		const { db } = this.#options;
		const row = await findRepo(db, id);
		if (!row) return notFound();
		if (row.fetchedAt !== null || row.status === 'cloning') return ok(await this.#fetch(row));
		const retried = await updateRepo(db, id, { status: 'cloning', error: null });
		return retried ? ok(await this.#fetch(retried)) : notFound();
	}

	/**
	 * Errors: `repo_not_found`, and unless forced `repo_in_use` while sessions live and
	 * `repo_unpushed_commits` with `details.branches`.
	 */
	async remove(id: RepoId, { force }: { force: boolean }): Promise<Result<RepoRemoved, WireError>> {
		const { db, git, onRemoved } = this.#options;
		return git.locks.run(`remove ${id}`, async () => {
			const row = await findRepo(db, id);
			if (!row) return notFound();
			this.#removing.add(id);
			const removed = await removeRepo(
				{
					...this.#options,
					mirrorPathOf: (repo) => this.mirrorPathOf(repo),
					cancelFetch: (repoId) => this.#fetcher.cancel(repoId)
				},
				row,
				force
			).finally(() => this.#removing.delete(id));
			if (removed.ok) onRemoved(id);
			return removed;
		});
	}

	/**
	 * At boot, before anything works on mirrors: clears what a killed git left, clones again what was
	 * being cloned or has lost its mirror, deletes the mirrors of removed repos.
	 */
	async recover(): Promise<void> {
		const { db, workspaceRoot } = this.#options;
		await rm(removedMirrorsFolder(workspaceRoot), { recursive: true, force: true });
		for (const row of await listRepos(db)) {
			const mirrorPath = this.mirrorPathOf(row);
			const there = await mirrorExists(mirrorPath);
			if (there) await sweepMirror(mirrorPath);
			if (row.status === 'cloning') this.#fetcher.start(row);
			else if (row.status === 'ready' && !there) await this.#cloneAgain(row);
		}
		this.#timer = setInterval(() => {
			this.#looking ??= this.#lookForMirrors().finally(() => (this.#looking = null));
		}, this.#options.lookMs ?? LOOK_MS);
	}

	/** Mirrors that somebody has taken away are cloned again, and get back what worktrees have. */
	async #lookForMirrors(): Promise<void> {
		const { db, logger } = this.#options;
		try {
			for (const row of await listRepos(db)) {
				if (!(await this.#options.isWorkspaceThere())) return;
				if (this.isAtWork(row.id as RepoId)) continue;
				if (row.status === 'cloning' || hasLostMirror(row)) await this.#tryAgain(row);
				else if (row.status === 'ready' && !(await mirrorExists(this.mirrorPathOf(row)))) {
					await this.#cloneAgain(row);
				}
			}
		} catch (cause) {
			logger.warn({ err: cause }, 'a look at the mirrors failed');
		}
	}

	/** Its remote was away, perhaps, or the database: less and less often, until it is there. */
	async #tryAgain({ id: repoId }: RepoRow): Promise<void> {
		const id = repoId as RepoId;
		const { times, rest } = this.#failed.get(id) ?? { times: 0, rest: 0 };
		if (rest > 0) return void this.#failed.set(id, { times, rest: rest - 1 });
		this.#failed.set(id, { times: times + 1, rest: Math.min(2 ** times, RETRY_LOOKS_MAX) });
		await this.#options.git.locks.run(`remove ${id}`, async () => {
			const row = await findRepo(this.#options.db, id);
			if (row && (row.status === 'cloning' || hasLostMirror(row))) this.#fetcher.start(row);
		});
	}

	/** Not while the repo is being removed: that takes the mirror away first. */
	async #cloneAgain({ id: repoId }: RepoRow): Promise<void> {
		const { db, git, logger } = this.#options;
		const id = repoId as RepoId;
		await git.locks.run(`remove ${id}`, async () => {
			// As one that was never fetched: a clone that fails leaves nothing to work with.
			const lost = await updateRepo(db, id, { status: 'cloning', error: null, fetchedAt: null });
			if (!lost) return;
			logger.warn({ repoId: id }, 'the mirror of a repo is gone: cloning it again');
			await this.#fetch(lost);
		});
	}

	/** A clone, a refresh or a removal is at work for this repo. */
	isAtWork(id: RepoId): boolean {
		return this.#fetcher.isAtWork(id) || this.#removing.has(id);
	}

	/**
	 * Removes a mirror that no repo has. Commits that no remote has go to a bundle file first.
	 * Errors: `repo_in_use` when a repo has it by now, and those of git.
	 */
	async removeOrphan(mirrorPath: string): Promise<Result<void, WireError>> {
		const rows = await listRepos(this.#options.db);
		if (rows.some((row) => row.mirrorPath === mirrorPath)) {
			return fail(wireError('repo_in_use', 'A repo has this mirror by now.'));
		}
		return removeOrphanedMirror(this.#options, mirrorPath);
	}

	/** Resolves when no clone or refresh is at work for this repo. */
	settled(id: RepoId): Promise<void> {
		return this.#fetcher.settled(id);
	}

	/** Ends what is at work; a clone begins anew at the next start. */
	async stop(): Promise<void> {
		if (this.#timer) clearInterval(this.#timer);
		await this.#looking;
		await this.#fetcher.stopAll();
	}

	async #view(row: RepoRow): Promise<Repo> {
		const { db } = this.#options;
		const id = row.id as RepoId;
		const [counts, rules] = await Promise.all([countSessions(db), listRules(db, id)]);
		return toRepo(row, counts.get(id), this.#fetcher.progress(id), rules);
	}

	async #fetch(row: RepoRow): Promise<Repo> {
		this.#fetcher.start(row);
		const repo = await this.#view(row);
		this.#options.onChange(repo.id);
		return repo;
	}

	async #checkAddress(url: string): Promise<Result<RepoAddress, WireError>> {
		const { policy, workspaceRoot, git } = this.#options;
		const parsing = { allowGitHosts: policy.allowGitHosts, home: homedir() };
		const parsed = parseRepoAddress(url, parsing);
		if (!parsed.ok) return parsed;
		if (parsed.value.kind === 'local') {
			const real = await checkLocalRepo(parsed.value.url, workspaceRoot);
			return real.ok ? parseRepoAddress(real.value, parsing) : real;
		}
		const host = await checkHost(parsed.value, policy, git.usesProxy, HOST_CHECK_TIMEOUT_MS);
		return host.ok || host.error.code !== 'repo_host_not_allowed' ? parsed : host;
	}
}
