/** The doctor as a person runs it, with old and broken programs first on PATH. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ROOT } from './ensure-dependencies.mjs';

let folder = '';
beforeEach(async () => {
	folder = await mkdtemp(join(tmpdir(), 'am-doctor-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/**
 * @param {string} name
 * @param {string} script
 */
async function fakeProgram(name, script) {
	await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
	await chmod(join(folder, name), 0o755);
}

/**
 * @param {Record<string, string>} env
 * @returns {Promise<{ code: number, stdout: string }>}
 */
function doctor(env) {
	return new Promise((resolve) => {
		execFile(
			process.execPath,
			[join(ROOT, 'scripts', 'doctor.mjs'), '--json'],
			{
				env: {
					...process.env,
					HOME: folder,
					PORT: '0',
					PATH: `${folder}${delimiter}${process.env.PATH}`,
					...env
				}
			},
			(error, stdout) => resolve({ code: Number(error?.code ?? 0), stdout })
		);
	});
}

it('warns of old programs by the hole they have, and shows no secret', async () => {
	await fakeProgram('git', 'echo git version 2.39.2');
	await fakeProgram('runc', 'echo runc version 1.1.11');
	await fakeProgram('docker', 'echo "Server: Docker Desktop 4.43.0 (196933)"');
	await fakeProgram('gh', 'echo gho_canary');
	const { stdout } = await doctor({
		ANTHROPIC_API_KEY: 'sk-ant-canary',
		DATABASE_URL: 'postgresql://me:canary@127.0.0.1:1/db'
	});
	/** @type {{ checks: { name: string, status: string, found: string }[], settings: { env: string, source: string }[] }} */
	const { checks, settings } = JSON.parse(stdout);
	const rows = Object.fromEntries(checks.map((check) => [check.name, check]));
	expect(rows.git).toMatchObject({
		status: 'warn',
		found: expect.stringContaining('CVE-2025-48384')
	});
	expect(rows.runc).toMatchObject({
		status: 'warn',
		found: expect.stringContaining('CVE-2024-21626')
	});
	expect(rows['Docker Desktop']).toMatchObject({
		status: 'warn',
		found: expect.stringContaining('CVE-2025-9074')
	});
	expect(rows.Database).toMatchObject({ status: 'fail' });
	expect(rows.GitHub).toMatchObject({ status: 'ok' });
	expect(settings.find(({ env }) => env === 'DATABASE_URL')).toMatchObject({
		source: 'environment'
	});
	expect(stdout).not.toContain('canary');
});

it('fails without git, and leaves nothing in the home', async () => {
	await fakeProgram('git', 'exit 127');
	const { code, stdout } = await doctor({});
	expect(code).toBe(1);
	expect(JSON.parse(stdout).ready).toBe(false);
	expect(await readdir(folder)).toEqual(['git']);
});

it('names a setting that is wrong', async () => {
	const { code, stdout } = await doctor({ PORT: 'abc' });
	expect(code).toBe(1);
	expect(stdout).toContain('PORT is \\"abc\\"');
});
