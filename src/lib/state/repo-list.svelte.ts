/** All repos and sessions, live: what the sidebar, the home page and the palette show. */
import type { Repo } from '@agent-manager/protocol/repo.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import type { Connection, Subscriber } from './connection.svelte.ts';
import type { EventFramePayload, SnapshotPayload } from './frames.ts';

const inOrder = (a: Session, b: Session): number =>
	Number(b.pinnedAt !== null) - Number(a.pinnedAt !== null) ||
	b.createdAt.localeCompare(a.createdAt);

const isListed = (session: Session): boolean => session.archivedAt === null;

const byName = (a: Repo, b: Repo): number =>
	`${a.owner}/${a.name}`.localeCompare(`${b.owner}/${b.name}`);

export class RepoList {
	/** By owner and name. */
	repos = $state.raw<Repo[]>([]);
	/** Every session in hand: all that are in the lists, and the archived ones that were asked for. */
	#known = $state.raw<Session[]>([]);
	/** Those in the lists, of all repos: pinned ones first, then the newest. */
	readonly sessions = $derived(this.#known.filter(isListed));
	readonly #archived = $derived(this.#known.filter((session) => !isListed(session)));
	/** False until the first snapshot: pages show a skeleton, not an empty state. */
	loaded = $state(false);

	readonly #bySessionId = $derived(new Map(this.#known.map((s) => [s.id as string, s])));
	readonly #byRepoId = $derived(Map.groupBy(this.sessions, (s) => s.repoId as string));

	/** Returns the function that ends it. */
	follow(connection: Connection): () => void {
		const subscriber: Subscriber = {
			sessionId: null,
			request: () => ({ type: 'subscribe.repo_list' }),
			release: { type: 'unsubscribe', repoList: true },
			onSnapshot: (payload) => this.#reset(payload),
			onEvent: (payload) => this.#apply(payload)
		};
		return connection.subscribe(subscriber);
	}

	repo(id: string): Repo | undefined {
		return this.repos.find((repo) => repo.id === id);
	}

	session(id: string): Session | undefined {
		return this.#bySessionId.get(id);
	}

	/** The repo's sessions in the lists, in their order. */
	sessionsOf(repoId: string): Session[] {
		return this.#byRepoId.get(repoId) ?? [];
	}

	/** The repo's archived sessions, as far as they are in hand. */
	archivedOf(repoId: string): Session[] {
		return this.#archived.filter((session) => session.repoId === repoId);
	}

	/**
	 * Takes a row that an answer of the API brought, without waiting for the event about it. One that is
	 * known already came by an event, which may be newer than the answer.
	 */
	putRepo(repo: Repo): void {
		if (!this.repo(repo.id)) this.#setRepo(repo);
	}

	putSession(session: Session): void {
		const known = this.session(session.id);
		if (!known) {
			this.#known = [session, ...this.#known].sort(inOrder);
			return;
		}
		// An older answer may arrive after a newer row.
		if (known.head > session.head) return;
		const others = this.#known.map((s) => (s.id === session.id ? session : s));
		this.#known = known.pinnedAt === session.pinnedAt ? others : others.sort(inOrder);
	}

	removeRepo(repoId: string): void {
		this.repos = this.repos.filter((repo) => repo.id !== repoId);
		this.#known = this.#known.filter((session) => session.repoId !== repoId);
	}

	removeSession(sessionId: string): void {
		this.#known = this.#known.filter((session) => session.id !== sessionId);
	}

	#setRepo(repo: Repo): void {
		this.repos = [...this.repos.filter((r) => r.id !== repo.id), repo].sort(byName);
	}

	#reset(payload: SnapshotPayload): void {
		if (payload.type !== 'repo_list') return;
		this.repos = payload.repos.toSorted(byName);
		this.#known = payload.sessions.toSorted(inOrder);
		this.loaded = true;
	}

	#apply(payload: EventFramePayload): void {
		switch (payload.type) {
			case 'repo':
				return this.#setRepo(payload.repo);
			case 'repo_removed':
				return this.removeRepo(payload.repoId);
			case 'session':
				return this.putSession(payload.session);
			case 'session_removed':
				return this.removeSession(payload.sessionId);
		}
	}
}
