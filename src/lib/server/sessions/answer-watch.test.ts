import pino from 'pino';
import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { evolve } from '#lib/domain/session-machine.ts';
import { initialSessionState, type SessionState } from '#lib/domain/session-state.ts';
import { ANSWER_LOOK_MS, createAnswerWatch } from './answer-watch.ts';
import type { RunnerConnection } from './runner-connection.ts';
import type { SessionLog } from './session-log.ts';
import { SessionRuntime, type LiveSandbox } from './session-runtime.ts';
import type { SessionCell } from './session-view.ts';

type Recorded = Pick<SessionEvent, 'type' | 'payload'>;

/** A session with a runner that answers or not, and a clock that only `pass` moves. */
const makeWorld = (change: Partial<SessionState> = {}) => {
	let nowMs = 1_000_000;
	let state: SessionState = {
		...initialSessionState(),
		status: 'running',
		openTurn: 'm1',
		runnerUp: true,
		epoch: 1,
		...change
	};
	const recorded: Recorded[] = [];
	const log = {
		record: (_id: SessionId, draft: (state: SessionState) => readonly Recorded[]) => {
			for (const { type, payload } of draft(state)) {
				recorded.push({ type, payload });
				state = evolve(state, { seq: 1, ts: 'then', source: 'manager', type, payload });
			}
			return Promise.resolve(null);
		}
	} as unknown as SessionLog;
	const watch = createAnswerWatch({
		log,
		logger: pino({ level: 'silent' }),
		nowMs: () => nowMs,
		newId: () => 'probe'
	});
	const runtime = new SessionRuntime('s' as SessionId);
	const world = { answers: true, condition: 'running', questions: 0, recorded, runtime, watch };
	const connect = (): void => {
		runtime.connection = {
			ask: () => {
				world.questions += 1;
				if (world.answers) watch.heard(runtime);
			}
		} as unknown as RunnerConnection;
	};
	runtime.sandbox = {
		epoch: 1,
		exit: null,
		stopping: false,
		running: { condition: () => Promise.resolve(world.condition) }
	} as unknown as LiveSandbox;
	connect();
	const look = async (): Promise<void> => {
		watch.tick();
		await watch.look({ id: 's', state } as unknown as SessionCell, runtime);
	};
	return {
		...world,
		world,
		connect,
		lose: async (): Promise<void> => {
			runtime.connection = null;
			await watch.lost({ id: 's', state } as unknown as SessionCell, runtime);
		},
		/** The looks of so many seconds. */
		async pass(seconds: number): Promise<void> {
			for (let at = 0; at < seconds * 1_000; at += ANSWER_LOOK_MS) {
				nowMs += ANSWER_LOOK_MS;
				await look();
			}
		},
		/** Nobody looked for so long: the process was halted, or busy. */
		async sleepThrough(seconds: number): Promise<void> {
			nowMs += seconds * 1_000;
			await look();
		},
		types: () => recorded.map(({ type }) => type)
	};
};

describe('a watch for answers', () => {
	it('says nothing of a runner that answers, and asks it seldom', async () => {
		const world = makeWorld();
		await world.pass(600);
		expect(world.types()).toEqual([]);
		expect(world.world.questions).toBeLessThanOrEqual(60);
	});

	it('does not ask one that speaks by itself', async () => {
		const world = makeWorld();
		for (let i = 0; i < 20; i++) {
			await world.pass(5);
			world.watch.heard(world.runtime);
		}
		expect(world.world.questions).toBe(0);
	});

	it('names one that holds its connection and does not answer within 45 s, once', async () => {
		const world = makeWorld();
		await world.pass(60);
		world.world.answers = false;
		await world.pass(45);
		expect(world.recorded).toEqual([
			{
				type: 'session.stopped_answering',
				payload: { afterSeconds: expect.any(Number) as number, silence: 'unanswered' }
			}
		]);
		const asked = world.world.questions;
		await world.pass(600);
		expect(world.types()).toHaveLength(1);
		expect(world.world.questions, 'no pile of questions').toBe(asked);
	});

	it('does not name one that is slow, but in time', async () => {
		const world = makeWorld();
		world.world.answers = false;
		for (let i = 0; i < 10; i++) {
			await world.pass(25);
			world.watch.heard(world.runtime);
		}
		expect(world.types()).toEqual([]);
	});

	it('clears it with the first frame, before the next look', async () => {
		const world = makeWorld();
		world.world.answers = false;
		await world.pass(45);
		world.watch.heard(world.runtime);
		await Promise.resolve();
		expect(world.types()).toEqual(['session.stopped_answering', 'session.answered_again']);
	});

	it('tells a paused sandbox and a lost connection from silence', async () => {
		const paused = makeWorld();
		paused.world.answers = false;
		paused.world.condition = 'paused';
		await paused.pass(45);
		expect(paused.recorded[0]?.payload).toMatchObject({ silence: 'paused' });
		const lost = makeWorld();
		lost.runtime.connection = null;
		await lost.pass(45);
		expect(lost.recorded[0]?.payload).toMatchObject({ silence: 'disconnected' });
		lost.connect();
		lost.watch.heard(lost.runtime);
		await Promise.resolve();
		expect(lost.types().at(-1)).toBe('session.answered_again');
	});

	it('says at once that the engine is away when the connection goes with it', async () => {
		const world = makeWorld();
		await world.lose();
		expect(world.types()).toEqual([]);
		world.world.condition = 'unknown';
		await world.lose();
		expect(world.recorded[0]?.payload).toMatchObject({ silence: 'engine' });
	});

	it('blames nobody for a halt of its own', async () => {
		const world = makeWorld();
		await world.pass(30);
		world.world.answers = false;
		await world.sleepThrough(3_600);
		expect(world.types()).toEqual([]);
		world.watch.heard(world.runtime);
		await world.pass(20);
		expect(world.types()).toEqual([]);
	});

	it('asks anew over a new connection', async () => {
		const world = makeWorld();
		world.world.answers = false;
		await world.pass(15);
		world.connect();
		world.world.answers = true;
		await world.pass(45);
		expect(world.types()).toEqual([]);
	});

	it('leaves one named that a restarted manager has not heard yet', async () => {
		const world = makeWorld({ unresponsive: { since: 'then', silence: 'unanswered' } });
		world.world.answers = false;
		await world.pass(120);
		expect(world.types()).toEqual([]);
		world.watch.heard(world.runtime);
		await Promise.resolve();
		expect(world.types()).toEqual(['session.answered_again']);
	});

	it.each<[string, Partial<SessionState>]>([
		['starting, nobody there yet', { status: 'starting', runnerUp: false }],
		['asleep', { status: 'waiting', asleep: true }],
		['being stopped', { ending: 'stop' }],
		['stopped', { status: 'stopped' }],
		['about to get a fresh sandbox', { epoch: 2 }]
	])('does not watch what is %s', async (_name, change) => {
		const world = makeWorld(change);
		world.world.answers = false;
		await world.pass(120);
		expect(world.types()).toEqual([]);
		expect(world.world.questions).toBe(0);
	});
});
