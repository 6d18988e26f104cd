/** The frame around the pages: what is open, and what this browser remembers of it. */
const SIDEBAR_KEY = 'sidebar';
const FOLDED_KEY = 'folded-repos';

const readList = (key: string): string[] => {
	try {
		const value: unknown = JSON.parse(localStorage.getItem(key) ?? '[]');
		return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
	} catch {
		return [];
	}
};

/** The rows that the keyboard steps through and selects, on a page that has some. */
export interface KeyboardRows {
	move: (by: 1 | -1) => void;
	toggle: () => void;
	clear: () => void;
}

/** What keys do in a transcript. */
export interface TranscriptKeys {
	find: () => void;
	jump: (kind: 'prompt' | 'error', by: 1 | -1) => void;
}

export class Shell {
	rows: KeyboardRows | null = null;
	/** On a session's page. */
	toggleChanges: (() => void) | null = null;
	transcript: TranscriptKeys | null = null;
	/** Wide screens: the sidebar takes no room. */
	sidebarHidden = $state(localStorage.getItem(SIDEBAR_KEY) === 'hidden');
	/** Narrow screens: the sidebar lies over the page. */
	drawerOpen = $state(false);
	paletteOpen = $state(false);
	shortcutsOpen = $state(false);
	#folded = $state.raw(new Set(readList(FOLDED_KEY)));

	toggleSidebar(): void {
		this.sidebarHidden = !this.sidebarHidden;
		localStorage.setItem(SIDEBAR_KEY, this.sidebarHidden ? 'hidden' : 'shown');
	}

	isFolded(repoId: string): boolean {
		return this.#folded.has(repoId);
	}

	toggleFolded(repoId: string): void {
		const folded = new Set(this.#folded);
		if (!folded.delete(repoId)) folded.add(repoId);
		this.#folded = folded;
		localStorage.setItem(FOLDED_KEY, JSON.stringify([...folded]));
	}
}
