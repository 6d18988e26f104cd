/**
 * The theme a person chose. app.html applies it before the first paint and whenever this says so;
 * the key and the event's name are the same there.
 */
export type Theme = 'system' | 'light' | 'dark';

const KEY = 'theme';

const read = (): Theme => {
	const value = localStorage.getItem(KEY);
	return value === 'light' || value === 'dark' ? value : 'system';
};

export class ThemeChoice {
	#value = $state<Theme>(read());

	get value(): Theme {
		return this.#value;
	}

	set value(theme: Theme) {
		this.#value = theme;
		localStorage.setItem(KEY, theme);
		dispatchEvent(new Event('theme-change'));
	}
}
