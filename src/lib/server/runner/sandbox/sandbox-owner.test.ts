import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { completeOwnership, prepareOwnership, sandboxOwner } from './sandbox-owner.ts';

const ROUNDS = 20;
/** Enough that the tree is not gone through in one moment. */
const FILES = 2_000;

/** Makes files and removes them, as an agent that goes on does. */
const CHURN = `
const { writeFileSync, rmSync } = require('node:fs');
process.chdir(process.argv[1]);
console.log('up');
for (;;) {
	for (let n = 0; n < 50; n += 1) writeFileSync('state.' + n + '.tmp', '');
	for (let n = 0; n < 50; n += 1) rmSync('state.' + n + '.tmp');
}`;

describe.runIf(process.getuid?.() === 0)('the files of a sandbox (not root: skipped)', () => {
	let folder: string;
	beforeEach(() => {
		folder = mkdtempSync(join(tmpdir(), 'owner-'));
	});
	afterEach(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

	it('are given to it while another one of the session is still at work in them', async () => {
		const inner = join(folder, 'claude');
		mkdirSync(inner);
		for (let n = 0; n < FILES; n += 1) writeFileSync(join(inner, `${n}`), '');
		const churn = spawn(process.execPath, ['-e', CHURN, inner], {
			stdio: ['ignore', 'pipe', 'ignore']
		});
		await once(churn.stdout, 'data');
		try {
			for (let round = 0; round < ROUNDS; round += 1) {
				expect(await prepareOwnership([folder])).toEqual({ ok: true, value: undefined });
			}
		} finally {
			churn.kill('SIGKILL');
			await once(churn, 'exit');
		}
	});

	it('are given to it once more where that was broken off', async () => {
		const inner = join(folder, 'src');
		mkdirSync(inner);
		writeFileSync(join(inner, 'a'), '');
		const broken = new AbortController();
		broken.abort();
		expect(await prepareOwnership([folder], broken.signal)).toMatchObject({ ok: false });
		expect(await completeOwnership(folder)).toEqual({ ok: true, value: undefined });
		for (const path of [folder, inner, join(inner, 'a')]) {
			expect(statSync(path).uid).toBe(sandboxOwner().uid);
		}
	});

	it('are missed when they are not there at all', async () => {
		const gone = await prepareOwnership([folder, join(folder, 'gone')]);
		expect(gone).toMatchObject({ ok: false, error: { code: 'sandbox_start_failed' } });
	});
});
