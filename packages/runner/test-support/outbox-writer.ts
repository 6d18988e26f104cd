/**
 * Writes to an outbox as fast as it can and says what is durable, until it is killed.
 * Arguments: the folder.
 */
import { Outbox } from '../src/outbox.ts';

const outbox = await Outbox.open(process.argv[2] ?? '', {
	log: () => undefined,
	now: () => new Date(),
	delay: () => Promise.resolve(),
	limits: { segmentBytes: 20_000, maxUnackedRecords: 100 }
});
outbox.onDurable((n) => {
	process.stdout.write(`${n}\n`);
	// As if the manager were a little behind.
	outbox.ack(n - 7);
});
for (;;) {
	outbox.append('claude', 'claude.user', { text: 'x'.repeat(outbox.lastN % 700) });
	await (outbox.room() ?? new Promise((resolve) => setImmediate(resolve)));
}
