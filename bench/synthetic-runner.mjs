/**
 * Runners without an agent: each connects to a session's door, is welcomed, and keeps a thousand
 * records on their way, in frames of as many, as the real one does. Takes its settings as JSON in
 * the first argument, prints the number of records a second that were acknowledged, which is after
 * their commit.
 */
import WebSocket from 'ws';
import { FRAME, recordJson } from './durable-record.mjs';

const PROTOCOL_VERSION = 1;
const WINDOW = 1000;

/** @type {{ sessions: { id: string, epoch: number, token: string, socket: string }[], warmUpMs: number, measureMs: number }} */
const settings = JSON.parse(process.argv[2] ?? '{}');

let acked = 0;

/** @param {typeof settings.sessions[number]} session */
const run = ({ id, epoch, token, socket }) =>
	new Promise((welcomed, reject) => {
		const ws = new WebSocket(`ws+unix:${socket}:/runner`, {
			headers: { authorization: `Bearer ${token}` },
			perMessageDeflate: false,
			// As the real one does.
			generateMask: () => undefined
		});
		let sentN = 0;
		let ackedN = 0;
		const pump = () => {
			while (sentN - ackedN + FRAME <= WINDOW) {
				const ts = new Date().toISOString();
				const records = Array.from({ length: FRAME }, () => recordJson(++sentN, ts));
				ws.send(`{"kind":"records","records":[${records.join(',')}]}`);
			}
		};
		ws.on('open', () =>
			ws.send(
				JSON.stringify({
					kind: 'hello',
					v: PROTOCOL_VERSION,
					sessionId: id,
					epoch,
					lastN: 0,
					// Whatever the manager still has for the runner is not for this one.
					lastCommand: 1_000_000
				})
			)
		);
		ws.on('message', (data) => {
			const frame = JSON.parse(String(data));
			if (frame.kind === 'welcome') {
				sentN = frame.ackedN;
				ackedN = frame.ackedN;
				welcomed(undefined);
				pump();
			}
			if (frame.kind === 'ack') {
				acked += frame.n - ackedN;
				ackedN = frame.n;
				pump();
			}
			if (frame.kind === 'nack') throw new Error('a record is missing');
		});
		ws.on('error', reject);
		ws.on('close', (code) => reject(new Error(`the door closed the connection: ${code}`)));
	});

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

await Promise.all(settings.sessions.map(run));
await pause(settings.warmUpMs);
const from = { acked, at: performance.now() };
await pause(settings.measureMs);
console.log((acked - from.acked) / ((performance.now() - from.at) / 1000));
process.exit(0);
