/**
 * Pull requests of sessions: kept fresh while somebody looks, and now and then by itself; opened, and what
 * fails of them given to the agent. One look at a time; when GitHub asks to wait, nobody asks meanwhile.
 */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { CreatePull, PullState } from '@agent-manager/protocol/github.ts';
import type { CommandId, RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import { wireError } from '#lib/domain/errors.ts';
import { checkMessage, nextLookMs, threadMessage } from '#lib/domain/pull-request.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { Database } from '#lib/server/db/client.ts';
import {
	findPullLook,
	listPushedSessions,
	savePullLook,
	type PullLook
} from '#lib/server/db/pull-looks.ts';
import { findRepo } from '#lib/server/db/repos.ts';
import type { GithubClient } from '#lib/server/github/client.ts';
import {
	createPull,
	lookAtPull,
	readCheckLog,
	type Branch
} from '#lib/server/github/pull-requests.ts';
import { readThread } from '#lib/server/github/review-threads.ts';
import type { Logger } from '#lib/server/logger.ts';
import { githubPlace, type GithubPlace } from './github-place.ts';

export interface PullRequestOptions {
	db: Database;
	client: GithubClient;
	apiUrl: string;
	now: () => number;
	logger: Logger;
	session: (id: SessionId) => Promise<Result<Session, WireError>>;
	/** Pushes the branch, and comes back when it is pushed or why not. */
	push: (id: SessionId) => Promise<Result<void, WireError>>;
	send: (id: SessionId, text: string, key?: CommandId) => Promise<Result<JsonObject, WireError>>;
}

/** What a page shows is at most so old. */
const FRESH_MS = 20_000;
const TICK_MS = 60_000;
/** A look that failed is not taken again by itself before. */
const RETRY_MS = 30 * 60_000;
/** How long nobody asks when GitHub does not say how long. */
const PAUSE_MS = 60_000;

interface Target {
	session: Session;
	place: GithubPlace;
	branch: Branch;
}

export class PullRequestService {
	readonly #options: PullRequestOptions;
	readonly #problems = new Map<SessionId, WireError>();
	readonly #failedAt = new Map<SessionId, number>();
	/** Looks follow on each other. */
	#turn: Promise<unknown> = Promise.resolve();
	#pausedUntil = 0;
	#paused: WireError | null = null;
	#timer: NodeJS.Timeout | null = null;

	constructor(options: PullRequestOptions) {
		this.#options = options;
	}

	start(): void {
		this.#timer = setInterval(() => {
			this.lookAround().catch((cause: unknown) =>
				this.#options.logger.warn({ err: cause }, 'pull requests could not be looked at')
			);
		}, TICK_MS).unref();
	}

	async stop(): Promise<void> {
		if (this.#timer) clearInterval(this.#timer);
		await this.#turn.catch(() => undefined);
	}

	/** Looks at those branches whose time has come. */
	async lookAround(): Promise<void> {
		const { db, now } = this.#options;
		for (const { sessionId, pushedCommit, look } of await listPushedSessions(db)) {
			if (now() < this.#pausedUntil) return;
			const isDue =
				look === null ||
				look.pushedCommit !== pushedCommit ||
				now() - look.checkedAt.getTime() >= nextLookMs(look.pull);
			const failedAt = this.#failedAt.get(sessionId) ?? -Infinity;
			if (!isDue || now() - failedAt < RETRY_MS) continue;
			const target = await this.#target(sessionId);
			if (target.ok) await this.#look(target.value, 0);
		}
	}

	/** Errors: `session_not_found`. What GitHub has to say against it is in `problem`. */
	async state(id: SessionId): Promise<Result<PullState, WireError>> {
		const target = await this.#target(id);
		if (!target.ok && target.error.code !== 'not_supported') return target;
		if (!target.ok) {
			const unavailable = target.error.message;
			return ok({ unavailable, links: null, pull: null, checkedAt: null, problem: null });
		}
		const { session, place } = target.value;
		const look = await this.#look(target.value, FRESH_MS);
		const path = encodeURI(`${session.baseBranch}...${session.branchName}`);
		const compare = `${place.webUrl}/compare/${path}`;
		return ok({
			unavailable: null,
			links: {
				branch: `${place.webUrl}/tree/${encodeURI(session.branchName)}`,
				compare,
				newPull: `${compare}?expand=1`
			},
			pull: look?.pull ?? null,
			checkedAt: look?.checkedAt.toISOString() ?? null,
			problem: this.#problems.get(id) ?? null
		});
	}

	/** Pushes what is not pushed, opens a pull request unless one is open already, and shows it. */
	async create(id: SessionId, request: CreatePull): Promise<Result<PullState, WireError>> {
		const target = await this.#target(id);
		if (!target.ok) return target;
		const { session, branch } = target.value;
		if (session.headCommit === null || session.headCommit !== session.pushedCommit) {
			const pushed = await this.#options.push(id);
			if (!pushed.ok) return pushed;
		}
		const made = await createPull(this.#options.client, branch, request);
		if (!made.ok && made.error.code !== 'pull_request_exists') return made;
		this.#endPauseOfUnreachable();
		const again = await this.#target(id);
		const look = again.ok ? await this.#look(again.value, 0) : null;
		const isOpen = look?.pull?.state === 'open' || look?.pull?.state === 'draft';
		return made.ok || isOpen ? this.state(id) : made;
	}

	/** Sends a failing check with its log, or a thread, to the agent. */
	async fix(id: SessionId, what: string, key?: CommandId): Promise<Result<JsonObject, WireError>> {
		const target = await this.#target(id);
		if (!target.ok) return target;
		const { db, client, send } = this.#options;
		const pull = (await findPullLook(db, id))?.pull;
		const check = pull?.checks.find((one) => one.id === what);
		const thread = pull?.threads.find((one) => one.id === what);
		if (pull && check) {
			const log = await readCheckLog(client, target.value.branch, what);
			return log.ok ? send(id, checkMessage(pull, check, log.value), key) : log;
		}
		if (pull && thread) {
			const said = await readThread(client, target.value.branch, pull.number, what);
			return said.ok ? send(id, threadMessage(pull, thread, said.value), key) : said;
		}
		return fail(wireError('not_found', 'The pull request has no such check or thread any more.'));
	}

	async #target(id: SessionId): Promise<Result<Target, WireError>> {
		const session = await this.#options.session(id);
		if (!session.ok) return session;
		const repo = await findRepo(this.#options.db, session.value.repoId as RepoId);
		if (!repo) return fail(wireError('repo_not_found', 'The repo of this session is gone.'));
		const place = githubPlace(repo, this.#options.apiUrl);
		if (!place.ok) return place;
		const { owner, name } = place.value;
		const branch = { owner, name, branch: session.value.branchName };
		return ok({ session: session.value, place: place.value, branch });
	}

	/** The newest that is known, asked for anew when it is older than `freshMs`. */
	async #look(target: Target, freshMs: number): Promise<PullLook | null> {
		const looking = this.#turn.then(() => this.#lookOnce(target, freshMs));
		this.#turn = looking.catch(() => undefined);
		return looking;
	}

	async #lookOnce({ session, branch }: Target, freshMs: number): Promise<PullLook | null> {
		const { db, client, now } = this.#options;
		const { id, pushedCommit } = session;
		const known = await findPullLook(db, id);
		const isNew = known === null || known.pushedCommit !== pushedCommit;
		if (!isNew && now() - known.checkedAt.getTime() < freshMs) return known;
		if (now() < this.#pausedUntil) {
			if (this.#paused) this.#problems.set(id, this.#paused);
			return known;
		}
		const looked = await lookAtPull(client, branch, known?.answers ?? {});
		if (!looked.ok) {
			this.#problems.set(id, looked.error);
			this.#failedAt.set(id, now());
			this.#pauseAfter(looked.error);
			return known;
		}
		this.#problems.delete(id);
		this.#failedAt.delete(id);
		const look = { sessionId: id, ...looked.value, pushedCommit, checkedAt: new Date(now()) };
		await savePullLook(db, look);
		return look;
	}

	/** It has answered: what it opened is looked at now, whatever did not work a moment ago. */
	#endPauseOfUnreachable(): void {
		if (this.#paused?.code === 'github_unreachable') this.#pausedUntil = 0;
	}

	#pauseAfter(error: WireError): void {
		const { code, details } = error;
		if (code !== 'github_rate_limited' && code !== 'github_unreachable') return;
		const until = Number(details?.retryAtMs ?? 0);
		const now = this.#options.now();
		this.#pausedUntil = Math.max(now + PAUSE_MS, Math.min(until, now + 60 * PAUSE_MS));
		this.#paused = error;
	}
}
