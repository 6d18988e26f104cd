/**
 * Servers that are made wrong on purpose, one promise broken in each. A checker that does not see
 * them proves nothing about the right one.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Violation, ViolationKind } from './checker.ts';
import { cutRunner, freezeDatabase } from './faults.ts';
import { queryDatabase } from './log-rows.ts';
import { makeStage, type Patch } from './stage.ts';
import type { World, WorldSession } from './world.ts';

export interface Control {
	name: string;
	patches: readonly Patch[];
	/** What the checker must find. */
	finds: ViolationKind;
	prepare?: (world: World) => Promise<unknown>;
	/** Brings about what the right server withstands. */
	stress: (world: World, sessions: readonly WorldSession[]) => Promise<void>;
}

/** Longer than the runner needs to remove what it believes to be committed. */
const FORGOTTEN_MS = 900;
const BETWEEN_MS = 400;
const PATIENCE_MS = 5_000;

const ackBeforeCommit: Control = {
	name: 'ack before commit',
	finds: 'lost',
	patches: [
		[
			'if (this.#bytes > WAITING_MAX_BYTES) this.#options.pause();',
			'this.#options.onCommitted(this.#options.read(frame).at(-1).n);'
		]
	],
	stress: async (world) => {
		for (let round = 0; round < 3; round += 1) {
			const frozen = freezeDatabase(world.app, FORGOTTEN_MS + BETWEEN_MS);
			await delay(FORGOTTEN_MS);
			await world.app.kill();
			await frozen;
			await world.app.start();
			await delay(BETWEEN_MS);
		}
	}
};

const replayThenAttach: Control = {
	name: 'replay, then attach',
	finds: 'lost',
	patches: [
		[
			'this.#stopListening = services.hub.onSession(sessionId, (signal) => this.#hear(signal));',
			'this.#stopListening = () => void 0;'
		],
		[
			'this.#cursor = Math.min(afterSeq, found.value.head);\n\t\t}\n\t\tawait this.#pull();',
			`this.#cursor = Math.min(afterSeq, found.value.head);
		}
		await this.#pull();
		await new Promise((resolve) => setTimeout(resolve, 150));
		this.#cursor = this.#services.log.head(this.#sessionId);
		this.#stopListening = this.#services.hub.onSession(this.#sessionId, (signal) => this.#hear(signal));`
		]
	],
	stress: async (world) => {
		for (let round = 0; round < 12; round += 1) {
			for (const viewer of world.viewers) viewer.cut();
			await delay(BETWEEN_MS);
		}
	}
};

const blindResend: Control = {
	name: 'no unique key, blind resend',
	finds: 'twice',
	patches: [
		['const fresh = records.filter(({ n }) => n > position.lastN);', 'const fresh = records;'],
		[
			'const whole = fresh.every(({ n }, index) => n === expectedN + index);',
			'const whole = true;'
		],
		['ackedN: this.#committedN,\n', 'ackedN: Math.max(0, this.#committedN - 20),\n']
	],
	prepare: (world) => queryDatabase(world.app, 'alter table events drop constraint events_n'),
	stress: async (world, sessions) => {
		for (let round = 0; round < 4; round += 1) {
			for (const { id } of sessions) cutRunner(world.app, id);
			await delay(BETWEEN_MS);
		}
	}
};

/** The last one leaves the database without its key: nothing right can be proven in it afterwards. */
export const CONTROLS: readonly Control[] = [ackBeforeCommit, replayThenAttach, blindResend];

export interface ControlResult {
	control: Control;
	caught: boolean;
	violations: Violation[];
}

const changeServer = async (world: World, root: string): Promise<void> => {
	await world.app.kill();
	world.app.root = root;
	await world.app.start();
};

/** Runs new sessions under the wrong server, ends them under the right one, and looks. */
export const runControl = async (world: World, control: Control): Promise<ControlResult> => {
	const right = world.app.root;
	await control.prepare?.(world);
	const wrong = join(world.folder, control.name.replaceAll(/\W+/g, '-'));
	await changeServer(world, await makeStage(wrong, control.patches));
	const sessions = [
		await world.startLight({ rate: 100, chars: 200 }),
		await world.startLight({ rate: 100, chars: 200 })
	];
	await world.untilRunning(sessions);
	await control.stress(world, sessions);
	await changeServer(world, right);
	const { violations } = await world.check(sessions, PATIENCE_MS);
	const caught = violations.some(({ kind }) => kind === control.finds);
	return { control, caught, violations };
};
