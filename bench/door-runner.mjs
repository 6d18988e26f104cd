/**
 * A runner without an agent at a session's door: welcomed with the session's own token, it numbers
 * the records that it is given and says which are committed.
 */
import WebSocket from 'ws';

/**
 * @typedef {{ id: string, epoch: number, token: string, socket: string, v: number }} DoorPlace `v`: of the protocol.
 * @typedef {{ sentN: () => number, ackedN: () => number, send: (records: string[]) => void }} DoorRunner
 */

/**
 * Resolves when it is welcome. The process ends with an error when the door closes.
 * @param {DoorPlace} place
 * @param {(ackedN: number, newly: number) => void} onAck
 * @returns {Promise<DoorRunner>}
 */
export const connectRunner = ({ id, epoch, token, socket, v }, onAck) =>
	new Promise((resolve, reject) => {
		const ws = new WebSocket(`ws+unix:${socket}:/runner`, {
			headers: { authorization: `Bearer ${token}` },
			perMessageDeflate: false,
			// As the real one does.
			generateMask: () => undefined
		});
		let sentN = 0;
		let ackedN = 0;
		/** @type {DoorRunner} */
		const runner = {
			sentN: () => sentN,
			ackedN: () => ackedN,
			send: (records) => {
				sentN += records.length;
				ws.send(`{"kind":"records","records":[${records.join(',')}]}`);
			}
		};
		const hello = {
			kind: 'hello',
			v,
			sessionId: id,
			epoch,
			lastN: 0,
			// Whatever the manager still has for the runner is not for this one.
			lastCommand: 1_000_000
		};
		ws.on('open', () => ws.send(JSON.stringify(hello)));
		ws.on('message', (data) => {
			const frame = JSON.parse(String(data));
			if (frame.kind === 'welcome') {
				sentN = frame.ackedN;
				ackedN = frame.ackedN;
				resolve(runner);
			}
			if (frame.kind === 'probe') {
				const answer = {
					kind: 'probe_result',
					probeId: frame.probeId,
					turnOpen: false,
					openTools: 0
				};
				ws.send(JSON.stringify(answer));
			}
			if (frame.kind === 'ack') {
				const newly = frame.n - ackedN;
				ackedN = frame.n;
				onAck(ackedN, newly);
			}
			if (frame.kind === 'nack') throw new Error('a record is missing');
		});
		ws.on('error', reject);
		ws.on('close', (code) => reject(new Error(`the door closed the connection: ${code}`)));
	});
