/** One viewer of the list of repos, of single repos, or of both: rows as they change. */
import type { RepoId } from '@agent-manager/protocol/ids.ts';
import type { ListSignal } from '#lib/server/sessions/hub.ts';
import type { BrowserServices, Viewer } from './viewer.ts';

/** Rows change often while agents work; viewers get the newest of each at most this often. */
const COALESCE_MS = 50;
/** Above this much unsent, rows wait; only the newest of each is kept. */
const BUFFER_MAX_BYTES = 1_048_576;

const keyOf = (signal: ListSignal): string => {
	switch (signal.type) {
		case 'session':
			return signal.session.id;
		case 'session_removed':
			return signal.sessionId;
		case 'repo':
			return signal.repo.id;
		case 'repo_removed':
			return signal.repoId;
	}
};

const repoOf = (signal: ListSignal): RepoId => {
	switch (signal.type) {
		case 'session':
			return signal.session.repoId;
		case 'repo':
			return signal.repo.id;
		default:
			return signal.repoId;
	}
};

export class ListSubscription {
	readonly #viewer: Viewer;
	readonly #services: BrowserServices;
	readonly #stopListening: () => void;
	readonly #repos = new Set<RepoId>();
	#all = false;
	readonly #changed = new Map<string, ListSignal>();
	#timer: NodeJS.Timeout | null = null;
	/** Snapshots on their way: rows wait for them, or an older snapshot would come after a newer row. */
	#snapshots = 0;

	constructor(viewer: Viewer, services: BrowserServices) {
		this.#viewer = viewer;
		this.#services = services;
		this.#stopListening = services.hub.onList((signal) => this.#hear(signal));
	}

	async addAll(): Promise<void> {
		this.#all = true;
		const { repos, sessions } = this.#services;
		this.#viewer.send('ack', null, null, { re: 'subscribe.repo_list' });
		await this.#snapshot(async () => {
			const [repoList, sessionList] = await Promise.all([
				repos.list(),
				sessions.list({ archived: false })
			]);
			return { type: 'repo_list', repos: repoList, sessions: sessionList };
		});
	}

	async addRepo(repoId: RepoId): Promise<void> {
		const { repos, sessions } = this.#services;
		this.#repos.add(repoId);
		const found = await repos.get(repoId);
		if (!found.ok) {
			this.#repos.delete(repoId);
			return this.#viewer.send('error', null, null, {
				re: 'subscribe.repo',
				error: found.error
			});
		}
		this.#viewer.send('ack', null, null, { re: 'subscribe.repo' });
		await this.#snapshot(async () => {
			const [repo, list] = await Promise.all([
				repos.get(repoId),
				sessions.list({ repoId, archived: false })
			]);
			return { type: 'repo', repo: repo.ok ? repo.value : found.value, sessions: list };
		});
	}

	removeAll(): void {
		this.#all = false;
	}

	removeRepo(repoId: RepoId): void {
		this.#repos.delete(repoId);
	}

	end(): void {
		this.#stopListening();
		if (this.#timer) clearTimeout(this.#timer);
	}

	async #snapshot(read: () => Promise<object>): Promise<void> {
		this.#snapshots += 1;
		try {
			this.#viewer.send('snapshot', null, null, await read());
		} finally {
			this.#snapshots -= 1;
			if (this.#snapshots === 0 && this.#changed.size > 0) this.#flush();
		}
	}

	#hear(signal: ListSignal): void {
		if (!this.#all && !this.#repos.has(repoOf(signal))) return;
		this.#changed.set(keyOf(signal), signal);
		this.#timer ??= setTimeout(() => this.#flush(), COALESCE_MS);
	}

	#flush(): void {
		if (this.#timer) clearTimeout(this.#timer);
		this.#timer = null;
		if (this.#snapshots > 0) return;
		if (this.#viewer.bufferedBytes > BUFFER_MAX_BYTES) {
			this.#timer = setTimeout(() => this.#flush(), COALESCE_MS * 10);
			return;
		}
		for (const signal of this.#changed.values()) {
			const sessionId = signal.type === 'session' ? signal.session.id : null;
			const seq = signal.type === 'session' ? signal.session.head : null;
			this.#viewer.send('event', sessionId, seq, signal);
		}
		this.#changed.clear();
	}
}
