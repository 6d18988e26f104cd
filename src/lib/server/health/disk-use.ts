/**
 * Where the disk went: by kind, by session and by repo. A folder is measured again only when its
 * session has moved since, or after a while; one look takes a bounded time and goes on at the next.
 */
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { DiskKind, DiskUse, Finding } from '@agent-manager/protocol/health.ts';
import { measureTree, type Measured } from './measure-tree.ts';

export interface MeasuredSession {
	id: string;
	repoId: string;
	title: string;
	status: string;
	archived: boolean;
	/** What of it may have changed since the last look. */
	changedAtMs: number;
	/** Its worktree is being written: measured again soon. */
	isLive: boolean;
	events: number;
}

export interface MeasuredRepo {
	id: string;
	name: string;
	mirrorPath: string;
}

export interface DiskUseInput {
	sessions: readonly MeasuredSession[];
	repos: readonly MeasuredRepo[];
	database: { bytes: number; eventBytes: number } | null;
	/** Of these, too, the size is said. */
	findings: readonly Finding[];
}

interface Known extends Measured {
	atMs: number;
}

/** One look may take this long; what is left comes with the next. */
const LOOK_MS = 15_000;
/** A folder that is being written is measured again after this. */
const AGAIN_MS = 10 * 60_000;
const ROWS_MAX = 200;

/** Paths, relative to the workspace, of findings that lie on the disk. */
const pathOf = ({ kind, name }: Finding): string | null =>
	kind === 'worktree' || kind === 'session_folder' || kind === 'mirror' || kind === 'bundle'
		? name
		: kind === 'file' && !name.startsWith('/')
			? name
			: null;

export class DiskMeter {
	readonly #workspaceRoot: string;
	readonly #nowMs: () => number;
	readonly #known = new Map<string, Known>();
	#stop = new AbortController();

	/** `nowMs`: wall clock, to compare with when sessions moved. */
	constructor(workspaceRoot: string, nowMs: () => number) {
		this.#workspaceRoot = workspaceRoot;
		this.#nowMs = nowMs;
	}

	stop(): void {
		this.#stop.abort();
	}

	/** Worktree and session folder of a session, as far as they were measured. */
	bytesOf(sessionId: string): number {
		return this.#bytes(`worktrees/${sessionId}`) + this.#bytes(`sessions/${sessionId}`);
	}

	/** What is known of the findings' sizes. */
	withSizes(findings: readonly Finding[]): Finding[] {
		return findings.map((found) => {
			const path = pathOf(found);
			const known = path === null ? undefined : this.#known.get(path);
			return known && found.class !== 'ghost' ? { ...found, bytes: known.bytes } : found;
		});
	}

	async measure(input: DiskUseInput): Promise<DiskUse> {
		const deadlineMs = this.#nowMs() + LOOK_MS;
		const wanted = this.#wanted(input);
		for (const path of this.#known.keys()) if (!wanted.has(path)) this.#known.delete(path);
		for (const [path, freshSinceMs] of wanted) {
			const known = this.#known.get(path);
			if (known?.complete && known.atMs >= freshSinceMs) continue;
			if (this.#nowMs() > deadlineMs || this.#stop.signal.aborted) break;
			await this.#look(path, deadlineMs);
		}
		return this.#sum(input, [...wanted.keys()]);
	}

	async #look(path: string, deadlineMs: number): Promise<void> {
		const atMs = this.#nowMs();
		const measured = await measureTree(join(this.#workspaceRoot, path), {
			deadlineMs,
			nowMs: this.#nowMs,
			signal: this.#stop.signal
		});
		const before = this.#known.get(path);
		// Half a look says less than an older whole one.
		if (!measured.complete && before && before.bytes > measured.bytes) return;
		this.#known.set(path, { ...measured, atMs });
	}

	/** Every path that counts, with the time that its measure must not be older than. */
	#wanted({ sessions, repos, findings }: DiskUseInput): Map<string, number> {
		const lately = this.#nowMs() - AGAIN_MS;
		const wanted = new Map<string, number>();
		for (const path of ['saved', 'sandboxes', 'postgres']) wanted.set(path, lately);
		for (const { id, changedAtMs, isLive } of sessions) {
			const since = isLive ? Math.min(changedAtMs, lately) : changedAtMs;
			wanted.set(`sessions/${id}`, since).set(`worktrees/${id}`, since);
		}
		for (const { mirrorPath } of repos) wanted.set(mirrorPath, lately);
		for (const found of findings) {
			const path = pathOf(found);
			if (path !== null && found.class !== 'foreign' && !wanted.has(path)) wanted.set(path, lately);
		}
		return wanted;
	}

	#bytes(path: string): number {
		return this.#known.get(path)?.bytes ?? 0;
	}

	async #sum(input: DiskUseInput, paths: readonly string[]): Promise<DiskUse> {
		const { sessions, repos, database, findings } = input;
		const { bavail, blocks, bsize } = await statfs(this.#workspaceRoot);
		const totalEvents = sessions.reduce((sum, { events }) => sum + events, 0);
		const bySession = sessions.map(({ id, repoId, title, status, archived, events }) => {
			const worktreeBytes = this.#bytes(`worktrees/${id}`);
			const folderBytes = this.#bytes(`sessions/${id}`);
			const part = totalEvents === 0 ? 0 : events / totalEvents;
			const eventBytes = Math.round((database?.eventBytes ?? 0) * part);
			const bytes = worktreeBytes + folderBytes + eventBytes;
			return {
				...{ sessionId: id, repoId, title, status, archived },
				...{ bytes, worktreeBytes, folderBytes, eventBytes }
			};
		});
		const byRepo = repos.map(({ id, name, mirrorPath }) => {
			const mirrorBytes = this.#bytes(mirrorPath);
			const own = bySession.filter(({ repoId }) => repoId === id);
			const bytes = own.reduce((sum, session) => sum + session.bytes, mirrorBytes);
			return { repoId: id, name, bytes, mirrorBytes };
		});
		const largestFirst = (a: { bytes: number }, b: { bytes: number }): number => b.bytes - a.bytes;
		return {
			freeBytes: bavail * bsize,
			totalBytes: blocks * bsize,
			byKind: this.#byKind(paths, database, findings),
			bySession: bySession.sort(largestFirst).slice(0, ROWS_MAX),
			byRepo: byRepo.sort(largestFirst).slice(0, ROWS_MAX),
			complete: paths.every((path) => this.#known.get(path)?.complete ?? false)
		};
	}

	#byKind(
		paths: readonly string[],
		database: DiskUseInput['database'],
		findings: readonly Finding[]
	): DiskUse['byKind'] {
		const within = new Set(
			findings.flatMap(({ kind, name }) => (kind === 'file' || kind === 'bundle' ? name : []))
		);
		const sums = new Map<DiskKind, number>();
		for (const path of paths) {
			// Bundles are below `saved`, half packs in their mirror: both are measured as a whole.
			if (within.has(path)) continue;
			const kind = kindOf(path);
			sums.set(kind, (sums.get(kind) ?? 0) + this.#bytes(path));
		}
		// An external database is on another disk; ours is measured with its logs and its reserve.
		if (this.#bytes('postgres') === 0 && database) sums.set('database', database.bytes);
		return [...sums].map(([kind, bytes]) => ({ kind, bytes })).sort((a, b) => b.bytes - a.bytes);
	}
}

const KINDS: Record<string, DiskKind> = {
	worktrees: 'worktrees',
	sessions: 'session_folders',
	repos: 'mirrors',
	postgres: 'database',
	saved: 'saved',
	sandboxes: 'sandboxes'
};

const kindOf = (path: string): DiskKind => KINDS[path.split('/')[0] ?? ''] ?? 'other';
