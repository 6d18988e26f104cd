/** What every page shares: one connection, the live list, and this browser's own choices. */
import { createContext } from 'svelte';
import type { Result } from '#lib/domain/result.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { About } from './about.ts';
import { callApi, setUnauthorizedListener } from './api-client.ts';
import { needsYou } from './attention.ts';
import { Connection } from './connection.svelte.ts';
import { HealthAttention } from './health-controller.svelte.ts';
import { RepoList } from './repo-list.svelte.ts';
import { isOpen } from './session-status.ts';
import { Seen } from './seen.svelte.ts';
import { Shell } from './shell.svelte.ts';
import { ThemeChoice } from './theme.svelte.ts';

const socketUrl = (): string =>
	`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`;

export interface LeaderInfo {
	/** In words. */
	holder: string;
	address: string;
}

const leaderOf = ({ code, details }: WireError): LeaderInfo | null => {
	if (code !== 'not_leader') return null;
	return { holder: String(details?.holder ?? ''), address: String(details?.address ?? '') };
};

const fetchAbout = (): Promise<Result<About, WireError>> => callApi<About>('/api/about');

/** How often the page looks at an image that is being built, or at a standby. */
const ABOUT_POLL_MS = 3_000;

export class AppState {
	readonly connection = new Connection({
		url: socketUrl,
		checkSignedIn: async () => {
			const about = await this.#askAbout();
			return about.ok || about.error.code !== 'unauthorized';
		}
	});
	readonly list = new RepoList();
	readonly seen = new Seen();
	readonly theme = new ThemeChoice();
	readonly shell = new Shell();
	readonly health = new HealthAttention();
	about = $state.raw<About | null>(null);
	signedOut = $state(false);
	/** Set while the server is a standby: who leads instead. */
	leader = $state.raw<LeaderInfo | null>(null);
	#aboutTimer: ReturnType<typeof setTimeout> | undefined;

	readonly needsYou = $derived(
		needsYou(this.list.sessions, (session) => this.seen.isUnread(session))
	);

	/** The tab's title; how many need you stands first, where a narrow tab still shows it. */
	tabTitle(page: string): string {
		const count = this.needsYou.length > 0 ? `(${this.needsYou.length}) ` : '';
		return `${count}${page === '' ? '' : `${page} · `}Agent Manager`;
	}

	/** Sessions in the order of the sidebar, for stepping through them. */
	readonly inOrder = $derived(
		this.list.repos.flatMap((repo) => this.list.sessionsOf(repo.id).filter(isOpen))
	);

	/** Returns the function that ends it. */
	start(): () => void {
		setUnauthorizedListener(() => (this.signedOut = true));
		const unfollow = this.list.follow(this.connection);
		this.connection.start();
		void this.#loadAbout();
		const stopHealth = this.health.start();
		const wake = (): void => {
			if (!document.hidden) this.connection.wake();
		};
		const stored = (event: StorageEvent): void => this.seen.reload(event);
		document.addEventListener('visibilitychange', wake);
		addEventListener('online', wake);
		addEventListener('storage', stored);
		return () => {
			document.removeEventListener('visibilitychange', wake);
			removeEventListener('online', wake);
			removeEventListener('storage', stored);
			unfollow();
			stopHealth();
			clearTimeout(this.#aboutTimer);
			this.connection.stop();
		};
	}

	async #askAbout(): Promise<Result<About, WireError>> {
		const about = await fetchAbout();
		this.leader = about.ok ? null : leaderOf(about.error);
		return about;
	}

	/** Again and again while it changes by itself. */
	async #loadAbout(): Promise<void> {
		const about = await this.#askAbout();
		if (about.ok) this.about = about.value;
		const building = this.about?.imageBuild?.state === 'building';
		if (building || this.leader)
			this.#aboutTimer = setTimeout(() => void this.#loadAbout(), ABOUT_POLL_MS);
	}
}

export const [useApp, provideApp] = createContext<AppState>();
