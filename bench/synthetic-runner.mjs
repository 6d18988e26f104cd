/**
 * Runners without an agent: each keeps a thousand records on their way, in frames of as many, as the
 * real one does. Takes its settings as JSON in the first argument, prints the number of records a second
 * that were acknowledged, which is after their commit.
 */
import { FRAME, recordJson } from './durable-record.mjs';
import { connectRunner } from './door-runner.mjs';

const WINDOW = 1000;

/** @type {{ sessions: import('./door-runner.mjs').DoorPlace[], warmUpMs: number, measureMs: number }} */
const settings = JSON.parse(process.argv[2] ?? '{}');

let acked = 0;

/** @param {import('./door-runner.mjs').DoorPlace} place */
const run = async (place) => {
	const runner = await connectRunner(place, (_, newly) => {
		acked += newly;
		pump();
	});
	const pump = () => {
		while (runner.sentN() - runner.ackedN() + FRAME <= WINDOW) {
			const ts = new Date().toISOString();
			const from = runner.sentN() + 1;
			runner.send(Array.from({ length: FRAME }, (_, index) => recordJson(from + index, ts)));
		}
	};
	pump();
};

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

await Promise.all(settings.sessions.map(run));
await pause(settings.warmUpMs);
const from = { acked, at: performance.now() };
await pause(settings.measureMs);
console.log((acked - from.acked) / ((performance.now() - from.at) / 1000));
process.exit(0);
