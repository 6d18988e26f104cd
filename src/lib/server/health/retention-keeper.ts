/**
 * Takes ended sessions to the archive and purges archived ones when their time has come, forgets old
 * receipts and files that nobody sent, and frees space on request. Each is asked of the sessions as a person would ask it.
 */
import type { Retention } from '@agent-manager/protocol/health.ts';
import type { Logger } from 'pino';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { archivedFor, decideRetention, type RetentionSettings } from '#lib/domain/retention.ts';
import type { Result } from '#lib/domain/result.ts';
import type { SessionOverview } from '#lib/server/db/health-queries.ts';

export interface RetentionKeeperOptions {
	settings: RetentionSettings;
	listSessions: () => Promise<SessionOverview[]>;
	archive: (sessionId: string) => Promise<Result<unknown, WireError>>;
	purge: (sessionId: string) => Promise<Result<unknown, WireError>>;
	/** As last measured. */
	bytesOf: (session: SessionOverview) => number;
	deleteOldCommands: (days: number) => Promise<number>;
	/** Removes what was uploaded for messages and not sent since so many days. */
	sweepAttachments: (days: number) => Promise<number>;
	acted: (action: string, outcome: 'done' | 'failed') => void;
	logger: Logger;
	nowMs: () => number;
}

const LOOK_MS = 60 * 60_000;
/** Not while the app has just started and everything comes back. */
const FIRST_LOOK_MS = 2 * 60_000;
/** A key may be repeated for so long; the promise is a day. */
const RECEIPT_DAYS = 7;
/** A draft in a browser names what was uploaded for it. */
const UNSENT_DAYS = 1;
/** Purges ask for a sandbox each to look for commits: a few at an hour are plenty. */
const PURGES_MAX = 50;

export class RetentionKeeper {
	readonly #options: RetentionKeeperOptions;
	#timer: NodeJS.Timeout | null = null;
	#looking: Promise<void> = Promise.resolve();
	#stopped = false;

	constructor(options: RetentionKeeperOptions) {
		this.#options = options;
	}

	start(): void {
		this.#again(FIRST_LOOK_MS);
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		if (this.#timer) clearTimeout(this.#timer);
		await this.#looking;
	}

	/** Never rejects. */
	async look(): Promise<void> {
		const { settings, listSessions, logger, nowMs } = this.#options;
		try {
			const { archive, purge } = decideRetention(
				(await listSessions()).map(toFact),
				settings,
				nowMs()
			);
			for (const id of archive) await this.#act('archive', id);
			for (const id of purge.slice(0, PURGES_MAX)) await this.#act('purge', id);
			const forgotten = await this.#options.deleteOldCommands(RECEIPT_DAYS);
			if (forgotten > 0) logger.info({ rows: forgotten }, 'old receipts were forgotten');
			const swept = await this.#options.sweepAttachments(UNSENT_DAYS);
			if (swept > 0) logger.info({ rows: swept }, 'attachments that nobody sent were removed');
		} catch (cause) {
			logger.warn({ err: cause }, 'the retention could not be looked at');
		}
	}

	/** What purging the sessions that were archived at least so long ago would free. */
	async preview(archivedDays: number): Promise<Retention> {
		const { settings, listSessions, bytesOf, nowMs } = this.#options;
		const all = (await listSessions()).map((row) => ({ ...toFact(row), row }));
		const sessions = archivedFor(all, archivedDays, nowMs())
			.map(({ row }) => ({
				sessionId: row.id,
				repoId: row.repoId,
				title: row.title,
				archivedAt: new Date(row.archivedAtMs ?? 0).toISOString(),
				bytes: bytesOf(row),
				commitCount: row.commitCount
			}))
			.sort((a, b) => b.bytes - a.bytes);
		const { archiveAfterDays, deleteAfterDays } = settings;
		return {
			...{ archiveAfterDays, deleteAfterDays, sessions },
			bytes: sessions.reduce((sum, { bytes }) => sum + bytes, 0),
			archived: all.filter(({ archivedAtMs }) => archivedAtMs !== null).length
		};
	}

	/** Purges those that are still in the archive; what they took is gone when their purges are done. */
	async free(sessionIds: readonly string[]): Promise<{ purged: number; bytes: number }> {
		const { sessions } = await this.preview(0);
		const wanted = new Set(sessionIds);
		const freed = { purged: 0, bytes: 0 };
		for (const { sessionId, bytes } of sessions) {
			if (!wanted.has(sessionId) || !(await this.#act('purge', sessionId))) continue;
			freed.purged += 1;
			freed.bytes += bytes;
		}
		return freed;
	}

	#again(inMs: number): void {
		if (this.#stopped) return;
		this.#timer = setTimeout(() => {
			this.#looking = this.look().then(() => this.#again(LOOK_MS));
		}, inMs);
		this.#timer.unref();
	}

	async #act(action: 'archive' | 'purge', sessionId: string): Promise<boolean> {
		if (this.#stopped) return false;
		const { acted, logger } = this.#options;
		const done = await this.#options[action](sessionId);
		acted(`retention_${action}`, done.ok ? 'done' : 'failed');
		if (done.ok) logger.info({ sessionId, action }, 'the retention moved a session');
		else logger.warn({ sessionId, action, error: done.error }, 'the retention was refused');
		return done.ok;
	}
}

const toFact = (row: SessionOverview) => ({
	id: row.id,
	status: row.status,
	ending: row.ending,
	pinned: row.pinned,
	archivedAtMs: row.archivedAtMs,
	updatedAtMs: row.updatedAtMs
});
