/** What a person has begun to write, kept in this browser until it is sent. */

/** Longer drafts are not kept: the browser's store is small and shared. */
const MAX_LENGTH = 100_000;

const storageKey = (key: string): string => `draft:${key}`;

export const loadDraft = (key: string): string => {
	try {
		return localStorage.getItem(storageKey(key)) ?? '';
	} catch {
		return '';
	}
};

export const saveDraft = (key: string, text: string): void => {
	try {
		if (text === '' || text.length > MAX_LENGTH) localStorage.removeItem(storageKey(key));
		else localStorage.setItem(storageKey(key), text);
	} catch {
		// A full or forbidden store costs only the draft.
	}
};
