/** A person's commit, push and update from base: asked for once, and shown by the session itself. */
import { toast } from 'svelte-sonner';
import { callApi } from './api-client.ts';
import { newId } from './new-id.ts';

type Body =
	| ['commit', { message: string }]
	| ['push', { overwrite?: string }]
	| ['update', { strategy: 'merge' | 'rebase' | 'abort' }];

export class GitCommands {
	/** Waits for the answer; what becomes of it is in the session. */
	asking = $state(false);
	readonly #sessionId: string;

	constructor(sessionId: string) {
		this.#sessionId = sessionId;
	}

	/** True when it was taken. */
	async ask(...[verb, body]: Body): Promise<boolean> {
		if (this.asking) return false;
		this.asking = true;
		const asked = await callApi(`/api/sessions/${this.#sessionId}/${verb}`, {
			method: 'POST',
			body,
			idempotencyKey: newId()
		});
		this.asking = false;
		if (!asked.ok) toast.error(asked.error.message, { description: asked.error.hint });
		return asked.ok;
	}
}
