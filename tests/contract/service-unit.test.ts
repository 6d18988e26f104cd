/** The unit that `docs/operations.md` shows is one that systemd takes without a word. */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ANALYZE = '/usr/bin/systemd-analyze';
const missing = !existsSync(ANALYZE);
const run = promisify(execFile);

const docs = readFileSync(join(import.meta.dirname, '../../docs/operations.md'), 'utf8');
const unit = (/```ini\n([^`]*)```/.exec(docs)?.[1] ?? '').replace(
	'/usr/bin/node',
	process.execPath
);

describe.skipIf(missing)(
	`the unit for systemd${missing ? ' (skipped: no systemd-analyze)' : ''}`,
	() => {
		let folder: string;
		beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'am-unit-'))));
		afterEach(() => rmSync(folder, { recursive: true, force: true }));

		const complaints = async (text: string): Promise<string> => {
			const path = join(folder, 'agent-manager.service');
			writeFileSync(path, text);
			const env = { ...process.env, HOME: folder, XDG_RUNTIME_DIR: folder };
			const said = await run(ANALYZE, ['verify', '--user', '--man=no', path], { env }).catch(
				(error: { stdout: string; stderr: string }) => error
			);
			return `${said.stdout}${said.stderr}`.trim();
		};

		it('is understood, word by word', async () => {
			expect(await complaints(unit)).toBe('');
			expect(await complaints(unit.replace('KillMode=', 'KilMode='))).toContain('KilMode');
			expect(await complaints(unit.replace('ExecStart=/', 'ExecStart=/nowhere/'))).not.toBe('');
		}, 60_000);
	}
);
