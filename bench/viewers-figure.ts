/** What viewers get: events of twenty sessions at once, with and without a viewer that takes nothing. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import WebSocket from 'ws';
import { ENVELOPE_VERSION } from '../packages/protocol/src/protocol-version.ts';
import type { DoorPlace } from './door-runner.mjs';
import { ms, signed, type Figure, type Row } from './figure.ts';
import { haltedSessions, releaseSessions } from './halted-sessions.ts';
import { Manager } from './manager-process.ts';
import { pssMb } from './process-memory.ts';
import { median } from './statistics.ts';
import { runBenchProgram, waitForLine } from './workbench.ts';

const CROWD = 20;
const PER_SECOND = 50;
const SECONDS = 10;
const MEMORY_POLL_MS = 250;

interface Seen {
	p95: number;
	p99: number;
	inOrder: boolean;
}

const startViewer = async (
	manager: Manager,
	places: readonly DoorPlace[],
	count: number
): Promise<ChildProcess> => {
	const sessions = await Promise.all(
		places.map(async ({ id }) => ({ id, afterSeq: await manager.headOf(id) }))
	);
	const { origin, token } = manager;
	return runBenchProgram('event-viewer.mjs', {
		origin,
		token,
		v: ENVELOPE_VERSION,
		sessions,
		count
	});
};

const summaryOf = async (viewer: ChildProcess): Promise<Seen> =>
	JSON.parse((await waitForLine(viewer, /^\{.*\}$/))[0]) as Seen;

/** Looks at every session and takes nothing off its socket; when it is closed, another one comes. */
const stallViewer = (manager: Manager, places: readonly DoorPlace[]): (() => void) => {
	let ended = false;
	let ws: WebSocket;
	const connect = (): void => {
		ws = new WebSocket(`${manager.origin.replace('http', 'ws')}/ws`, {
			headers: { authorization: `Bearer ${manager.token}`, origin: manager.origin }
		});
		ws.on('open', () => {
			for (const { id } of places) {
				const payload = { type: 'subscribe.session', sessionId: id, afterSeq: 0 };
				const envelope = { v: ENVELOPE_VERSION, kind: 'subscribe', sessionId: null, payload };
				ws.send(JSON.stringify(envelope));
			}
			ws.pause();
		});
		ws.on('error', () => undefined);
		ws.on('close', () => void (ended || connect()));
	};
	connect();
	return () => {
		ended = true;
		ws.terminate();
	};
};

/** The most memory that the manager took while the work went on, in MB. */
const peakDuring = async (pid: number, work: Promise<unknown>): Promise<number> => {
	let peak = 0;
	let over = false;
	void work.finally(() => (over = true));
	while (!over) {
		peak = Math.max(peak, await pssMb([pid]));
		await new Promise((resolve) => setTimeout(resolve, MEMORY_POLL_MS));
	}
	return peak;
};

const streamOnce = async (
	manager: Manager,
	places: readonly DoorPlace[]
): Promise<Seen & { peakMb: number }> => {
	const count = PER_SECOND * SECONDS;
	const viewer = await startViewer(manager, places, count);
	const seen = summaryOf(viewer);
	await waitForLine(viewer, /^ready$/);
	const runner = runBenchProgram('paced-runner.mjs', {
		sessions: places,
		perSecond: PER_SECOND,
		count
	});
	const ended = once(runner, 'exit');
	const peakMb = await peakDuring(manager.pid, seen);
	await ended;
	return { ...(await seen), peakMb };
};

const streamRows = async (
	manager: Manager,
	places: readonly DoorPlace[],
	runs: number
): Promise<Row[]> => {
	const alone: Awaited<ReturnType<typeof streamOnce>>[] = [];
	const beside: typeof alone = [];
	for (let run = 0; run < runs; run += 1) {
		alone.push(await streamOnce(manager, places));
		const end = stallViewer(manager, places);
		beside.push(await streamOnce(manager, places));
		end();
	}
	const of = (all: typeof alone, key: 'p95' | 'p99' | 'peakMb'): number =>
		median(all.map((one) => one[key]));
	const inOrder = [...alone, ...beside].every((one) => one.inOrder);
	const change = of(beside, 'p95') / of(alone, 'p95') - 1;
	const memoryMb = of(beside, 'peakMb') - of(alone, 'peakMb');
	return [
		{
			figure: `event → viewer, ${CROWD} sessions × ${PER_SECOND}/s, p95 / p99`,
			limit: '',
			measured: `${ms(of(alone, 'p95'))} / ${ms(of(alone, 'p99'))}`,
			comparison: inOrder ? 'in order, without a hole' : 'OUT OF ORDER',
			goal: '≤ 150 ms / ≤ 500 ms',
			ok: inOrder && of(alone, 'p95') <= 150 && of(alone, 'p99') <= 500
		},
		{
			figure: 'the same beside a viewer that takes nothing, p95; memory',
			limit: ms(of(alone, 'p95')),
			measured: ms(of(beside, 'p95')),
			comparison: `${signed(`${(change * 100).toFixed(0)} %`, change)}; ${memoryMb.toFixed(0)} MB`,
			goal: '< +10 %; < 50 MB',
			ok: change < 0.1 && memoryMb < 50
		}
	];
};

export const viewersFigure: Figure = {
	name: 'viewers',
	runs: 3,
	async measure(bench, runs) {
		const manager = await Manager.open(bench, { driver: 'bubblewrap' });
		const places = await haltedSessions(bench, manager, CROWD);
		bench.say(`${CROWD} sessions at ${PER_SECOND} events a second`);
		const rows = await streamRows(manager, places, runs);
		await releaseSessions(places);
		await manager.end();
		return rows;
	}
};
