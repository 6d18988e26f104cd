/**
 * The health page's data, kept fresh while somebody looks: numbers every few seconds, the inventory
 * when there is a newer one. The sidebar's mark asks for far less.
 */
import { toast } from 'svelte-sonner';
import type {
	Finding,
	HealthReport,
	Inventory,
	RepairAnswer,
	Retention
} from '@agent-manager/protocol/health.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { Result } from '#lib/domain/result.ts';
import { callApi } from './api-client.ts';
import { bytesText, plural } from './format.ts';

export const fetchHealth = async (signal?: AbortSignal): Promise<Result<HealthReport, WireError>> =>
	callApi<HealthReport>('/api/health', { signal, accept: [503] });

const REPORT_MS = 3_000;

export class HealthController {
	report = $state.raw<HealthReport | null>(null);
	inventory = $state.raw<Inventory | null>(null);
	retention = $state.raw<Retention | null>(null);
	/** Space is being freed. */
	freeing = $state(false);
	/** Why the newest report could not be had; what is shown is then older. */
	problem = $state.raw<WireError | null>(null);
	/** A look that was asked for is on its way. */
	looking = $state(false);
	/** Ids of findings that are being repaired. */
	repairing = $state.raw<ReadonlySet<string>>(new Set());
	#timer: ReturnType<typeof setTimeout> | undefined;
	#stopped = false;

	/** Returns the function that ends it. */
	start(): () => void {
		this.#stopped = false;
		void this.#poll();
		return () => {
			this.#stopped = true;
			clearTimeout(this.#timer);
		};
	}

	async lookNow(): Promise<void> {
		if (this.looking) return;
		this.looking = true;
		const looked = await callApi<Inventory>('/api/health/look', { method: 'POST' });
		this.looking = false;
		if (looked.ok) this.inventory = looked.value;
		else toast.error(looked.error.message, { description: looked.error.hint });
		await this.#refresh();
	}

	async repair(findings: readonly Finding[]): Promise<void> {
		const ids = findings.map(({ id }) => id);
		this.repairing = new Set([...this.repairing, ...ids]);
		const body = { ids };
		const answered = await callApi<RepairAnswer>('/api/health/repairs', { method: 'POST', body });
		this.repairing = new Set([...this.repairing].filter((id) => !ids.includes(id)));
		if (!answered.ok) {
			toast.error(answered.error.message, { description: answered.error.hint });
			return;
		}
		const { outcomes, inventory } = answered.value;
		this.inventory = inventory;
		const failed = outcomes.filter(({ repaired }) => !repaired);
		const [first] = failed;
		if (first) {
			toast.error(`${plural(failed.length, 'repair')} failed`, {
				description: first.problem ?? undefined
			});
		} else toast.success(`${plural(outcomes.length, 'thing')} repaired`);
	}

	async free(sessionIds: readonly string[]): Promise<void> {
		this.freeing = true;
		const freed = await callApi<{ purged: number; bytes: number }>('/api/health/retention', {
			method: 'POST',
			body: { sessionIds }
		});
		this.freeing = false;
		if (!freed.ok) toast.error(freed.error.message, { description: freed.error.hint });
		else {
			const { purged, bytes } = freed.value;
			toast.success(`${plural(purged, 'session')} on the way out, about ${bytesText(bytes)}`);
		}
		await this.lookNow();
	}

	async #poll(): Promise<void> {
		if (!document.hidden) await this.#refresh();
		if (!this.#stopped) this.#timer = setTimeout(() => void this.#poll(), REPORT_MS);
	}

	async #refresh(): Promise<void> {
		const report = await fetchHealth();
		if (this.#stopped) return;
		this.problem = report.ok ? null : report.error;
		if (!report.ok) return;
		this.report = report.value;
		const { inventoryAt } = report.value;
		// Sizes come after the look itself, so the newest is asked for until it has them.
		const isOld = inventoryAt !== (this.inventory?.at ?? null) || !this.inventory?.disk;
		if (isOld || !this.inventory?.disk?.complete) await this.#loadInventory();
	}

	async #loadInventory(): Promise<void> {
		const [loaded, retention] = await Promise.all([
			callApi<Inventory>('/api/health/inventory'),
			callApi<Retention>('/api/health/retention')
		]);
		if (this.#stopped) return;
		if (loaded.ok) this.inventory = loaded.value;
		if (retention.ok) this.retention = retention.value;
	}
}

const ATTENTION_MS = 30_000;

/** How many things of the app itself need a person; 0 while nobody knows. */
export class HealthAttention {
	count = $state(0);
	#timer: ReturnType<typeof setInterval> | undefined;

	/** Returns the function that ends it. */
	start(): () => void {
		const look = async (): Promise<void> => {
			if (document.hidden) return;
			const report = await fetchHealth();
			if (report.ok) this.count = report.value.attention;
		};
		void look();
		this.#timer = setInterval(() => void look(), ATTENTION_MS);
		return () => clearInterval(this.#timer);
	}
}
