/** The keyboard's words: one table for the keys themselves and for the sheet that lists them. */

export type ShortcutAction =
	| 'palette'
	| 'shortcuts'
	| 'home'
	| 'health'
	| 'usage'
	| 'new-session'
	| 'next-session'
	| 'previous-session'
	| 'next-needing-you'
	| 'focus-input'
	| 'select-row'
	| 'toggle-sidebar'
	| 'toggle-changes'
	| 'find'
	| 'previous-prompt'
	| 'next-prompt'
	| 'previous-error'
	| 'next-error';

export const isMac = (): boolean => /Mac|iPhone|iPad/.test(navigator.userAgent);

/** `mod` is Ctrl, or the command key on a Mac. */
export const SHORTCUTS: { action: ShortcutAction; keys: string; text: string }[] = [
	{ action: 'palette', keys: 'mod k', text: 'Go to anything' },
	{ action: 'next-needing-you', keys: 'g g', text: 'Next session that needs you' },
	{ action: 'next-session', keys: 'j', text: 'Next session; in a repo, the next row' },
	{ action: 'previous-session', keys: 'k', text: 'Previous session; in a repo, the previous row' },
	{ action: 'select-row', keys: 'x', text: 'Select the row (in a repo)' },
	{ action: 'home', keys: 'g h', text: 'Home: all repos' },
	{ action: 'health', keys: 'g s', text: 'Health of the app' },
	{ action: 'usage', keys: 'g u', text: 'Usage: tokens and cost' },
	{ action: 'new-session', keys: 'n', text: 'New session' },
	{ action: 'focus-input', keys: '/', text: 'Write: jump to the page’s text box' },
	{ action: 'toggle-sidebar', keys: '[', text: 'Show or hide the sidebar' },
	{ action: 'toggle-changes', keys: 'c', text: 'Show or hide what the session has changed' },
	{ action: 'find', keys: 'mod f', text: 'Find in the session; once more: the browser’s own' },
	{ action: 'previous-prompt', keys: 'p', text: 'Previous prompt in the transcript' },
	{ action: 'next-prompt', keys: 'shift p', text: 'Next prompt' },
	{ action: 'previous-error', keys: 'e', text: 'Previous error in the transcript' },
	{ action: 'next-error', keys: 'shift e', text: 'Next error' },
	{ action: 'shortcuts', keys: '?', text: 'This sheet' }
];

export const keysText = (keys: string): string =>
	keys
		.replace('mod', isMac() ? '⌘' : 'Ctrl')
		.replace('shift', 'Shift')
		.replace(/\b[a-z]\b/g, (key) => key.toUpperCase());

const CHORD_MS = 1000;

interface KeyPress {
	key: string;
	ctrlKey: boolean;
	metaKey: boolean;
	altKey: boolean;
	shiftKey: boolean;
	/** True while the focus is where keys write text. */
	typing: boolean;
	atMs: number;
}

/** Turns presses into actions; remembers a first `g` for a second. */
export class ShortcutReader {
	#prefix: { key: string; atMs: number } | null = null;

	read(press: KeyPress): ShortcutAction | null {
		const mod = press.ctrlKey || press.metaKey;
		if (mod)
			return press.altKey || press.shiftKey ? null : this.#find(`mod ${press.key.toLowerCase()}`);
		if (press.typing || press.altKey) return null;
		const prefix = this.#prefix;
		this.#prefix = null;
		if (prefix && press.atMs - prefix.atMs < CHORD_MS) {
			return this.#find(`${prefix.key} ${press.key}`);
		}
		if (press.key === 'g') {
			this.#prefix = { key: 'g', atMs: press.atMs };
			return null;
		}
		const isUpper = press.shiftKey && /^[A-Z]$/.test(press.key);
		return this.#find(isUpper ? `shift ${press.key.toLowerCase()}` : press.key);
	}

	#find(keys: string): ShortcutAction | null {
		return SHORTCUTS.find((shortcut) => shortcut.keys === keys)?.action ?? null;
	}
}
