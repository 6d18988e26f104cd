/** The outbox under `kill -9`, again and again: what it called durable is there, once and in order. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Outbox } from './outbox.ts';

const writer = fileURLToPath(new URL('../test-support/outbox-writer.ts', import.meta.url));

let folder = '';
beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), 'outbox-crash-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Lets the writer get so far, kills it, and gives the newest record it called durable. */
const writeAndKill = async (writes: number): Promise<number> => {
	const child = spawn(process.execPath, ['--import', 'tsx', writer, folder], {
		stdio: ['ignore', 'pipe', 'inherit']
	});
	const gone = once(child, 'exit');
	let durable = 0;
	let left = writes;
	for await (const line of createInterface({ input: child.stdout })) {
		durable = Number(line);
		if ((left -= 1) === 0) child.kill('SIGKILL');
	}
	await gone;
	return durable;
};

it('has everything that was durable, in order, after every kill', async () => {
	for (const writes of [1, 40, 250, 3, 120]) {
		const durable = await writeAndKill(writes);
		const outbox = await Outbox.open(folder, {
			log: () => undefined,
			now: () => new Date(),
			delay: () => Promise.resolve()
		});
		expect(outbox.lastN).toBeGreaterThanOrEqual(durable);
		let n = outbox.ackedN + 1;
		for (let entries = await outbox.read(n, 500, 1e9); entries.length > 0;) {
			for (const { json } of entries) {
				const record = JSON.parse(json.toString()) as { n: number; type: string };
				expect(record).toMatchObject({ n, type: 'claude.user' });
				n += 1;
			}
			entries = await outbox.read(n, 500, 1e9);
		}
		expect(n).toBe(outbox.lastN + 1);
		await outbox.close();
	}
});
