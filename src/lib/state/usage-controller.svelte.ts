/** The usage page's data: asked for at each choice of a span, and again when somebody comes back to it. */
import type { Usage } from '@agent-manager/protocol/usage.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { callApi } from './api-client.ts';

export const USAGE_SPANS = [
	{ days: 1, label: 'Today' },
	{ days: 7, label: '7 days' },
	{ days: 30, label: '30 days' }
] as const;

export class UsageController {
	usage = $state.raw<Usage | null>(null);
	/** Why the newest could not be had; what is shown is then older. */
	problem = $state.raw<WireError | null>(null);
	/** What is shown is of another span than the chosen one. */
	loading = $state(false);
	#asked: AbortController | null = null;

	async load(days: number): Promise<void> {
		this.#asked?.abort();
		const asked = new AbortController();
		this.#asked = asked;
		this.loading = true;
		const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
		const query = new URLSearchParams({ days: String(days), timeZone });
		const loaded = await callApi<Usage>(`/api/usage?${query}`, { signal: asked.signal });
		if (asked.signal.aborted) return;
		this.loading = false;
		this.problem = loaded.ok ? null : loaded.error;
		if (loaded.ok) this.usage = loaded.value;
	}

	dispose(): void {
		this.#asked?.abort();
	}
}

export const tokensOf = (sum: {
	inputTokens: number;
	outputTokens: number;
	cacheReadTokens: number;
	cacheWriteTokens: number;
}): number => sum.inputTokens + sum.outputTokens + sum.cacheReadTokens + sum.cacheWriteTokens;
