/**
 * Clones and refreshes in the background, one at a time per repo. Progress is kept in memory alone;
 * what a fetch found, or why it failed, goes to the repo's row.
 */
import type { RepoId } from '@agent-manager/protocol/ids.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { RepoProgress } from '@agent-manager/protocol/repo.ts';
import type { Logger } from 'pino';
import { withRetry, type Database } from '#lib/server/db/client.ts';
import {
	findRepoByIdentity,
	updateRepo,
	type RepoChange,
	type RepoRow
} from '#lib/server/db/repos.ts';
import type { Git } from '#lib/server/git/exec.ts';
import { fetchMirror, type Fetched } from '#lib/server/git/mirror.ts';
import type { Remote } from '#lib/server/git/remote.ts';

const PROGRESS_EVERY_MS = 250;

export interface RepoFetcherOptions {
	db: Database;
	git: Git;
	now: () => Date;
	logger: Logger;
	mirrorPathOf: (row: RepoRow) => string;
	remoteFor: (row: RepoRow) => Promise<Remote>;
	/** The repo looks different now. Must not throw. */
	onChange: (id: RepoId) => void;
	/** Its mirror was made: the first one, or a new one. Must not throw. */
	onMade: (id: RepoId) => void;
}

interface Job {
	progress: RepoProgress;
	stop: AbortController;
	done: Promise<void>;
}

export class RepoFetcher {
	readonly #options: RepoFetcherOptions;
	readonly #jobs = new Map<RepoId, Job>();

	constructor(options: RepoFetcherOptions) {
		this.#options = options;
	}

	progress(id: RepoId): RepoProgress | null {
		return this.#jobs.get(id)?.progress ?? null;
	}

	isAtWork(id: RepoId): boolean {
		return this.#jobs.has(id);
	}

	/** Begins, unless one is at work for this repo. */
	start(row: RepoRow): void {
		const id = row.id as RepoId;
		if (this.#jobs.has(id)) return;
		const stop = new AbortController();
		const job: Job = {
			progress: { phase: 'Connecting', percent: null },
			stop,
			done: Promise.resolve()
		};
		this.#jobs.set(id, job);
		job.done = this.#run(row, job)
			.catch((error: unknown) => {
				this.#options.logger.error({ err: error, repoId: id }, 'a repo could not be fetched');
			})
			.finally(() => {
				this.#jobs.delete(id);
				this.#options.onChange(id);
			});
	}

	/** Resolves when nothing is at work for this repo. */
	async settled(id: RepoId): Promise<void> {
		await this.#jobs.get(id)?.done;
	}

	/** Ends the work for one repo and waits until it has ended. Its row is left as it is. */
	async cancel(id: RepoId): Promise<void> {
		this.#jobs.get(id)?.stop.abort();
		await this.settled(id);
	}

	async stopAll(): Promise<void> {
		await Promise.all([...this.#jobs.keys()].map((id) => this.cancel(id)));
	}

	async #run(row: RepoRow, job: Job): Promise<void> {
		const { git, mirrorPathOf, remoteFor, logger } = this.#options;
		const id = row.id as RepoId;
		const { signal } = job.stop;
		const fetched = await fetchMirror(git, {
			mirrorPath: mirrorPathOf(row),
			remote: await remoteFor(row),
			onProgress: this.#reporter(id, job),
			signal
		});
		if (signal.aborted) return;
		if (!fetched.ok) logger.warn({ repoId: id, error: fetched.error }, 'a fetch failed');
		const change = fetched.ok
			? await this.#success(row, fetched.value)
			: this.#failure(row, fetched.error);
		await withRetry(() => updateRepo(this.#options.db, id, change), { signal });
		if (fetched.ok && row.fetchedAt === null) this.#options.onMade(id);
	}

	#reporter(id: RepoId, job: Job): (progress: RepoProgress) => void {
		let toldAt = 0;
		return (progress) => {
			job.progress = progress;
			const now = this.#options.now().getTime();
			if (now - toldAt < PROGRESS_EVERY_MS) return;
			toldAt = now;
			this.#options.onChange(id);
		};
	}

	async #success(row: RepoRow, fetched: Fetched): Promise<RepoChange> {
		const { defaultBranch, branches, movedTo } = fetched;
		const fetchedAt = this.#options.now();
		const change: RepoChange = { status: 'ready', error: null, defaultBranch, branches, fetchedAt };
		if (!movedTo) return change;
		const taken = await findRepoByIdentity(this.#options.db, movedTo.identity);
		if (taken) return change;
		const { owner, name, url, webUrl, identity } = movedTo;
		this.#options.logger.info({ repoId: row.id, owner, name }, 'a repo has moved');
		return { ...change, owner, name, url, webUrl, identity };
	}

	/** Work goes on with the mirror there is; only one that never was there is unusable. */
	#failure(row: RepoRow, error: WireError): RepoChange {
		return { status: row.fetchedAt === null ? 'error' : 'ready', error };
	}
}
