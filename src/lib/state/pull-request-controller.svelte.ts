/** A session's pull request as the page shows it: asked for while somebody looks, and after each push. */
import { toast } from 'svelte-sonner';
import type { CreatePull, PullState } from '@agent-manager/protocol/github.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { callApi } from './api-client.ts';
import { newId } from './new-id.ts';

const POLL_MS = 20_000;

export class PullRequestController {
	state = $state.raw<PullState | null>(null);
	creating = $state(false);
	/** Why the last try to open one failed. */
	refusal = $state.raw<WireError | null>(null);
	/** What is on its way to the agent. */
	fixing = $state<string | null>(null);
	readonly #path: string;
	#timer: ReturnType<typeof setInterval> | undefined;
	#stopped = false;

	constructor(sessionId: string) {
		this.#path = `/api/sessions/${sessionId}/pull`;
	}

	/** Returns the function that ends it. */
	start(): () => void {
		this.#stopped = false;
		void this.load();
		this.#timer = setInterval(() => {
			const isGone = this.state?.unavailable !== null && this.state !== null;
			if (!document.hidden && !isGone) void this.load();
		}, POLL_MS);
		return () => {
			this.#stopped = true;
			clearInterval(this.#timer);
		};
	}

	async load(): Promise<void> {
		const loaded = await callApi<PullState>(this.#path);
		if (this.#stopped || !loaded.ok) return;
		this.state = loaded.value;
	}

	/** True when it was opened. */
	async create(request: CreatePull): Promise<boolean> {
		this.creating = true;
		this.refusal = null;
		const made = await callApi<PullState>(this.#path, { method: 'POST', body: request });
		this.creating = false;
		if (made.ok) this.state = made.value;
		else this.refusal = made.error;
		if (!made.ok) await this.load();
		return made.ok;
	}

	/** True when the agent was told. */
	async fix(id: string): Promise<boolean> {
		this.fixing = id;
		const sent = await callApi(`${this.#path}/fix`, {
			method: 'POST',
			body: { id },
			idempotencyKey: newId()
		});
		this.fixing = null;
		if (sent.ok) toast.success('Sent to the agent');
		else toast.error(sent.error.message, { description: sent.error.hint });
		return sent.ok;
	}
}
