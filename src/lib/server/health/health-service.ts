/** The app's health as pages and programs ask for it: everything is answered from memory. */
import type {
	Component,
	HealthProbe,
	HealthReport,
	Inventory,
	RepairAnswer,
	Retention
} from '@agent-manager/protocol/health.ts';
import type { ComponentWatch } from './component-watch.ts';
import type { InventoryKeeper } from './inventory-keeper.ts';
import type { RetentionKeeper } from './retention-keeper.ts';
import { SAMPLE_MS, type LiveNumbers } from './live-numbers.ts';

export interface HealthServiceOptions {
	watch: ComponentWatch;
	numbers: LiveNumbers;
	keeper: InventoryKeeper;
	retention: RetentionKeeper;
}

const STOP_MS = 2_000;

/** Without these the app can take no work. A sandbox that can't be made is a session's trouble. */
const NEEDED = new Set(['database', 'disk']);

const isBroken = ({ name, state }: Component): boolean => state === 'fail' && NEEDED.has(name);

export class HealthService {
	readonly #options: HealthServiceOptions;
	#timer: NodeJS.Timeout | null = null;
	#stopping = false;

	constructor(options: HealthServiceOptions) {
		this.#options = options;
	}

	start(): void {
		const { watch, numbers, keeper, retention } = this.#options;
		watch.start();
		keeper.start();
		retention.start();
		this.#timer = setInterval(() => void numbers.sample(), SAMPLE_MS).unref();
		void numbers.sample();
	}

	/** Not ready from here on. What hangs is not waited for: a repair that is cut off is taken again. */
	async stop(): Promise<void> {
		this.#stopping = true;
		if (this.#timer) clearInterval(this.#timer);
		const { watch, keeper, retention } = this.#options;
		let timer: NodeJS.Timeout | undefined;
		const late = new Promise((resolve) => (timer = setTimeout(resolve, STOP_MS)));
		await Promise.race([Promise.all([watch.stop(), keeper.stop(), retention.stop()]), late]);
		clearTimeout(timer);
	}

	get ready(): boolean {
		return !this.#stopping && !this.#options.watch.list().some(isBroken);
	}

	probe(): HealthProbe {
		const { ready } = this;
		return { status: ready ? 'ok' : 'not_ready', live: true, ready };
	}

	report(): HealthReport {
		const { watch, numbers, keeper } = this.#options;
		const components = watch.list();
		const failing = components.filter(({ state }) => state === 'fail').length;
		return {
			...this.probe(),
			components,
			numbers: numbers.numbers(),
			samples: numbers.samples(),
			attention: failing + keeper.waiting,
			inventoryAt: keeper.inventory.at
		};
	}

	inventory(): Inventory {
		return this.#options.keeper.inventory;
	}

	/** Looks at everything now. */
	async look(): Promise<Inventory> {
		const [inventory] = await Promise.all([
			this.#options.keeper.look(),
			this.#options.watch.lookNow()
		]);
		return inventory;
	}

	/** What purging sessions that were archived at least so many days ago would free. */
	retention(archivedDays: number): Promise<Retention> {
		return this.#options.retention.preview(archivedDays);
	}

	/** Purges these, as far as they are still in the archive. */
	freeSpace(sessionIds: readonly string[]): Promise<{ purged: number; bytes: number }> {
		return this.#options.retention.free(sessionIds);
	}

	async repair(ids: readonly string[]): Promise<RepairAnswer> {
		const outcomes = await this.#options.keeper.repair(ids);
		return { outcomes, inventory: this.inventory() };
	}
}
