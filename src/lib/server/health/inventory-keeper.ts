/**
 * Takes the inventory at boot, on a slow timer and when asked, and mends what can lose nothing.
 * Level-triggered: it remembers what it saw only to show it. One look at a time.
 */
import type { Finding, Inventory, RepairAction } from '@agent-manager/protocol/health.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { Logger } from 'pino';
import { mendsItself, needsPerson, takeInventory } from '#lib/domain/inventory.ts';
import type { Result } from '#lib/domain/result.ts';
import { databaseErrorMessage } from '#lib/server/db/connection-errors.ts';
import type { DiskMeter, MeasuredRepo, MeasuredSession } from './disk-use.ts';
import type { InventoryInput } from './inventory-sources.ts';

export interface InventoryKeeperOptions {
	read: () => Promise<InventoryInput>;
	repairs: Record<RepairAction, (found: Finding) => Promise<Result<void, WireError>>>;
	disk: DiskMeter;
	/** Asked before each repair: rejects unless this manager leads. */
	confirmLease: () => Promise<void>;
	measured: (input: InventoryInput) => {
		sessions: readonly MeasuredSession[];
		repos: readonly MeasuredRepo[];
	};
	databaseSizes: () => Promise<{ bytes: number; eventBytes: number }>;
	acted: (action: string, outcome: 'done' | 'failed') => void;
	logger: Logger;
	now: () => Date;
	nowMs: () => number;
}

export interface RepairOutcome {
	id: string;
	repaired: boolean;
	problem: string | null;
}

/** What is mended converges well within two minutes of a crash, also when a first try fails. */
const LOOK_MS = 40_000;
/** Lets the look at boot have what starts with the app behind it. */
const FIRST_LOOK_MS = 5_000;
const REPAIRED_MAX = 50;
const FINDINGS_MAX = 1_000;

export class InventoryKeeper {
	readonly #options: InventoryKeeperOptions;
	readonly #problems = new Map<string, string>();
	#inventory: Inventory = {
		...{ at: null, durationMs: null, findings: [], failures: [], repaired: [], disk: null }
	};
	#looking: Promise<void> | null = null;
	#measuring: Promise<void> | null = null;
	#timer: NodeJS.Timeout | null = null;
	#stopped = false;

	constructor(options: InventoryKeeperOptions) {
		this.#options = options;
	}

	start(): void {
		this.#again(FIRST_LOOK_MS);
	}

	async stop(): Promise<void> {
		this.#stopped = true;
		if (this.#timer) clearTimeout(this.#timer);
		this.#options.disk.stop();
		await Promise.allSettled([this.#looking, this.#measuring]);
	}

	get inventory(): Inventory {
		const { findings } = this.#inventory;
		return { ...this.#inventory, findings: this.#options.disk.withSizes(findings) };
	}

	/** How many findings wait for a person. */
	get waiting(): number {
		return this.#inventory.findings.filter(needsPerson).length;
	}

	/** A look that began after the call, and what it mended by itself. Never rejects. */
	async look(): Promise<Inventory> {
		await this.#looking;
		await this.#lookOnce();
		return this.inventory;
	}

	/** Mends what was asked for and is still so. */
	async repair(ids: readonly string[]): Promise<RepairOutcome[]> {
		await this.look();
		const outcomes: RepairOutcome[] = [];
		for (const id of ids) {
			const found = this.#inventory.findings.find((it) => it.id === id);
			// What is not found any more is as it should be.
			const problem = found ? await this.#mend(found, false) : null;
			outcomes.push({ id, repaired: problem === null, problem });
		}
		await this.look();
		return outcomes;
	}

	#again(inMs: number): void {
		if (this.#stopped) return;
		this.#timer = setTimeout(() => void this.#lookOnce().then(() => this.#again(LOOK_MS)), inMs);
		this.#timer.unref();
	}

	#lookOnce(): Promise<void> {
		this.#looking ??= this.#look()
			.catch((cause: unknown) => {
				this.#options.logger.warn({ err: cause }, 'an inventory could not be taken');
				this.#inventory = {
					...this.#inventory,
					failures: [`Nothing could be compared: ${databaseErrorMessage(cause)}`]
				};
			})
			.finally(() => (this.#looking = null));
		return this.#looking;
	}

	async #look(): Promise<void> {
		const { nowMs } = this.#options;
		const beganMs = nowMs();
		let input = await this.#compare();
		const safe = this.#inventory.findings.filter(mendsItself);
		for (const found of safe) if (!this.#stopped) await this.#mend(found, true);
		if (safe.length > 0 && !this.#stopped) input = await this.#compare();
		const durationMs = Math.round(nowMs() - beganMs);
		this.#inventory = { ...this.#inventory, durationMs };
		this.#measuring ??= this.#measure(input).finally(() => (this.#measuring = null));
	}

	async #compare(): Promise<InventoryInput> {
		const { read, now } = this.#options;
		const input = await read();
		const at = now();
		const all = takeInventory(input.listings, input.rows, at.getTime());
		for (const id of this.#problems.keys()) {
			if (!all.some((found) => found.id === id)) this.#problems.delete(id);
		}
		const findings = all
			.slice(0, FINDINGS_MAX)
			.map((found) => ({ ...found, problem: this.#problems.get(found.id) ?? null }));
		this.#inventory = {
			...this.#inventory,
			...{ at: at.toISOString(), findings, failures: input.failures }
		};
		return input;
	}

	/** null: done. Otherwise why not. */
	async #mend(found: Finding, byItself: boolean): Promise<string | null> {
		const { repairs, confirmLease, acted, logger, now, disk } = this.#options;
		const { repair } = found;
		if (!repair) return 'There is nothing that the app could do about it.';
		const mending = confirmLease().then(() => repairs[repair.action](found));
		const problem = await mending.then(
			(done) => (done.ok ? null : [done.error.message, done.error.hint].filter(Boolean).join(' ')),
			(cause: unknown) => (cause instanceof Error ? cause.message : String(cause))
		);
		acted(repair.action, problem === null ? 'done' : 'failed');
		const about = { finding: found.id, action: repair.action, byItself };
		if (problem !== null) {
			if (this.#problems.get(found.id) !== problem) {
				logger.warn({ ...about, problem }, 'a repair failed');
			}
			this.#problems.set(found.id, problem);
			return problem;
		}
		logger.info(about, 'repaired');
		this.#problems.delete(found.id);
		const [sized = found] = disk.withSizes([found]);
		const entry = {
			...{ at: now().toISOString(), label: repair.label, name: found.name },
			...{ bytes: sized.bytes, byItself }
		};
		const repaired = [entry, ...this.#inventory.repaired].slice(0, REPAIRED_MAX);
		this.#inventory = { ...this.#inventory, repaired };
		return null;
	}

	async #measure(input: InventoryInput): Promise<void> {
		const { disk, measured, databaseSizes, logger } = this.#options;
		try {
			const { findings } = this.#inventory;
			const database = await databaseSizes().catch(() => null);
			const use = await disk.measure({ ...measured(input), database, findings });
			this.#inventory = { ...this.#inventory, disk: use };
		} catch (cause) {
			logger.warn({ err: cause }, 'the disk could not be measured');
		}
	}
}
