/** The person's saved prompts: one list for all pages of this browser tab, fetched when first wanted. */
import type { SavedPrompt, SavePrompt } from '@agent-manager/protocol/saved-prompts.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { callApi } from './api-client.ts';
import { newId } from './new-id.ts';

const byName = (a: SavedPrompt, b: SavedPrompt): number => a.name.localeCompare(b.name);

export class PromptLibrary {
	prompts = $state.raw<SavedPrompt[]>([]);
	/** Why the list could not be had, or a change not be made. */
	error = $state.raw<WireError | null>(null);
	loaded = $state(false);
	#loading = false;

	/** Other tabs may have changed them: each time one looks they are fetched again. */
	async load(): Promise<void> {
		if (this.#loading) return;
		this.#loading = true;
		const listed = await callApi<{ prompts: SavedPrompt[] }>('/api/prompts');
		this.#loading = false;
		this.error = listed.ok ? null : listed.error;
		if (!listed.ok) return;
		this.prompts = listed.value.prompts;
		this.loaded = true;
	}

	/** Resolves with true when it is kept. Without an id it is a new one. */
	async save(prompt: SavePrompt, id = newId()): Promise<boolean> {
		const path = `/api/prompts/${id}`;
		const saved = await callApi<{ prompt: SavedPrompt }>(path, { method: 'PUT', body: prompt });
		this.error = saved.ok ? null : saved.error;
		if (!saved.ok) return false;
		const others = this.prompts.filter((other) => other.id !== id);
		this.prompts = [...others, saved.value.prompt].sort(byName);
		return true;
	}

	async remove(id: string): Promise<void> {
		const removed = await callApi(`/api/prompts/${id}`, { method: 'DELETE' });
		// Another tab may have been first.
		const isGone = removed.ok || removed.error.code === 'not_found';
		this.error = isGone ? null : removed.error;
		if (isGone) this.prompts = this.prompts.filter((prompt) => prompt.id !== id);
	}
}
