/**
 * A viewer of sessions at `/ws` that reads every event: from `afterSeq` on, of all the sessions named.
 * Prints `ready` when it is subscribed to all, then, when it has seen `count` events of each, one line of
 * JSON: how long the events took from their runner to here, how long it took to see all of them, and
 * whether each session's numbers came in order and without a hole.
 */
import WebSocket from 'ws';
import { nowMs } from './clock.mjs';

/** @type {{ origin: string, token: string, v: number, sessions: { id: string, afterSeq: number }[], count: number }} */
const settings = JSON.parse(process.argv[2] ?? '{}');

/** @type {number[]} */
const tookMs = [];
const cursors = new Map(settings.sessions.map(({ id, afterSeq }) => [id, afterSeq]));
const seen = new Map(settings.sessions.map(({ id }) => [id, 0]));
let inOrder = true;
let subscribed = 0;
const begunAt = nowMs();

const ws = new WebSocket(`${settings.origin.replace('http', 'ws')}/ws`, {
	headers: { authorization: `Bearer ${settings.token}`, origin: settings.origin },
	perMessageDeflate: false
});

/** @param {string} sessionId @param {{ seq: number, payload: { sentAtMs?: number } }} event */
const take = (sessionId, event) => {
	inOrder &&= event.seq === (cursors.get(sessionId) ?? 0) + 1;
	cursors.set(sessionId, event.seq);
	if (event.payload.sentAtMs === undefined) return;
	tookMs.push(nowMs() - event.payload.sentAtMs);
	seen.set(sessionId, (seen.get(sessionId) ?? 0) + 1);
	if ([...seen.values()].some((count) => count < settings.count)) return;
	tookMs.sort((a, b) => a - b);
	/** @param {number} fraction */
	const at = (fraction) => tookMs[Math.round((tookMs.length - 1) * fraction)];
	const summary = { p50: at(0.5), p95: at(0.95), p99: at(0.99), allMs: nowMs() - begunAt, inOrder };
	console.log(JSON.stringify(summary));
	process.exit(0);
};

ws.on('open', () => {
	for (const { id, afterSeq } of settings.sessions) {
		const payload = { type: 'subscribe.session', sessionId: id, afterSeq };
		ws.send(JSON.stringify({ v: settings.v, kind: 'subscribe', sessionId: null, payload }));
	}
});
ws.on('message', (data) => {
	const { kind, sessionId, payload } = JSON.parse(String(data));
	if (kind === 'error') throw new Error(JSON.stringify(payload));
	if (kind === 'snapshot' && ++subscribed === settings.sessions.length) console.log('ready');
	if (kind === 'event' && payload.type === 'event') take(sessionId, payload.event);
});
ws.on('close', (code) => {
	throw new Error(`closed: ${code}`);
});
