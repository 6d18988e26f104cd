import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pino from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { launchHere, type Launch, type LaunchedProgram, type LaunchOptions } from './launch.ts';
import { createLauncher, type Launcher } from './launcher.ts';

const OPTIONS: LaunchOptions = {
	env: { PATH: process.env.PATH ?? '' },
	stdio: ['pipe', 'pipe', 'pipe'],
	group: true
};
const MEGABYTE = 1024 * 1024;

const launchers: Launcher[] = [];
const openLauncher = (): Launcher => {
	const launcher = createLauncher({ logger: pino({ level: 'silent' }) });
	launchers.push(launcher);
	return launcher;
};
afterEach(async () => {
	for (const launcher of launchers.splice(0)) await launcher.close();
});

const output = ({ outputs }: LaunchedProgram, descriptor = 1): Readable =>
	outputs[descriptor] as Readable;

const shell = (launch: Launch, script: string, options: Partial<LaunchOptions> = {}) =>
	launch('/bin/sh', ['-c', script], { ...OPTIONS, ...options });

/** What it said, and how it ended; it gets no input. */
const toEnd = async (program: LaunchedProgram) => {
	program.stdin?.end();
	const said = [text(output(program)), text(output(program, 2))] as const;
	const [stdout, stderr, end] = await Promise.all([...said, program.ended]);
	return { stdout, stderr, ...end };
};

/** It and all that it started hold `descriptor` 1 open: its end is theirs. */
const firstWords = async (program: LaunchedProgram): Promise<string> => {
	const [chunk] = (await once(output(program), 'data')) as [Buffer];
	return chunk.toString('utf8').trim();
};

describe.each([
	['as a child', () => launchHere],
	['by the launcher', () => openLauncher().launch]
])('a program that is started %s', (_how, open: () => Launch) => {
	it('tells what it says on each descriptor, and its exit code', async () => {
		const program = await shell(open(), 'echo out; echo err >&2; exit 3');
		expect(await toEnd(program)).toEqual({
			...{ stdout: 'out\n', stderr: 'err\n', exitCode: 3, error: null }
		});
		expect(program.running).toBe(false);
	});

	it('gets its input up to the end of it', async () => {
		const program = await shell(open(), 'cat; echo over');
		program.stdin?.end('some input, ');
		expect(await text(output(program))).toBe('some input, over\n');
	});

	it('may write to a descriptor of its own, and to one that leads nowhere', async () => {
		const program = await shell(open(), 'echo lost >&3; echo info >&4', {
			stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'pipe']
		});
		expect(program.stdin).toBeNull();
		const [info, { stdout, exitCode }] = await Promise.all([
			text(output(program, 4)),
			toEnd(program)
		]);
		expect({ info, stdout, exitCode }).toEqual({ info: 'info\n', stdout: '', exitCode: 0 });
	});

	it('passes much through unchanged, both ways at once', async () => {
		const program = await shell(open(), 'cat');
		const block = Buffer.alloc(MEGABYTE, 'a line that repeats itself\n');
		const blocks = 24;
		const sent = createHash('sha256');
		const got = createHash('sha256');
		const input = Readable.from(
			(function* () {
				for (let count = 0; count < blocks; count += 1) {
					block.writeUInt32BE(count);
					sent.update(block);
					yield Buffer.from(block);
				}
			})()
		);
		if (!program.stdin) throw new Error('it has no input');
		await Promise.all([
			pipeline(input, program.stdin),
			pipeline(output(program), got),
			text(output(program, 2))
		]);
		expect((await program.ended).exitCode).toBe(0);
		expect(got.digest('hex')).toBe(sent.digest('hex'));
	});

	it('has the environment that it was given, and no other', async () => {
		const program = await shell(open(), 'env', { env: { ONLY: 'this' } });
		const { stdout } = await toEnd(program);
		const names = stdout
			.trim()
			.split('\n')
			.map((line) => line.split('=')[0]);
		expect(names).toContain('ONLY');
		expect(
			names.filter((name) => !['ONLY', 'PWD', 'SHLVL', '_', 'OLDPWD'].includes(name!))
		).toEqual([]);
	});

	it('is refused by the system’s own code when it is not there', async () => {
		const launching = open()('/no/such/program', [], OPTIONS);
		await expect(launching).rejects.toMatchObject({ code: 'ENOENT' });
	});

	it('is refused when its arguments are too long, and the next one starts', async () => {
		const launch = open();
		const tooLong = launch('/bin/true', ['x'.repeat(4 * MEGABYTE)], OPTIONS);
		await expect(tooLong).rejects.toMatchObject({ code: 'E2BIG' });
		expect((await toEnd(await shell(launch, 'exit 0'))).exitCode).toBe(0);
	});

	it('ends by a signal, with all that it started', async () => {
		const program = await shell(open(), 'tail -f /dev/null & echo ready; wait');
		expect(await firstWords(program)).toBe('ready');
		program.kill('SIGKILL');
		// The program in the background holds the same output: without its end there is none here.
		expect((await toEnd(program)).exitCode).toBeNull();
	});

	it('ends with what it left behind, also after its own end', async () => {
		const program = await shell(open(), 'tail -f /dev/null & echo ready');
		expect(await firstWords(program)).toBe('ready');
		await expect.poll(() => program.running).toBe(false);
		program.kill('SIGKILL');
		expect((await toEnd(program)).exitCode).toBe(0);
	});

	it('is known from its start to its end also when both come at once', async () => {
		const launch = open();
		await toEnd(await shell(launch, 'exit 0'));
		const launching = launch('/bin/true', [], OPTIONS);
		await new Promise(setImmediate);
		// It is over before this process looks at anything that came of it.
		execFileSync('/bin/sleep', ['0.5']);
		expect(await toEnd(await launching)).toMatchObject({ exitCode: 0, stdout: '' });
	});

	it('keeps many apart', async () => {
		const launch = open();
		const said = await Promise.all(
			Array.from({ length: 40 }, async (_, index) => {
				const { stdout } = await toEnd(await shell(launch, `echo ${index}; echo again ${index}`));
				return stdout;
			})
		);
		expect(said).toEqual(said.map((_, index) => `${index}\nagain ${index}\n`));
	});
});

describe('the launcher', () => {
	/** Its process is the parent of what it starts. */
	const processOf = async ({ launch }: Launcher): Promise<number> =>
		Number((await toEnd(await shell(launch, 'echo $PPID'))).stdout);

	const isThere = (pid: number): boolean => {
		try {
			process.kill(pid, 0);
			return true;
		} catch {
			return false;
		}
	};

	it('starts programs from a process that is not this one, and always the same', async () => {
		const launcher = openLauncher();
		const pid = await processOf(launcher);
		expect(pid).not.toBe(process.pid);
		expect(await processOf(launcher)).toBe(pid);
	});

	it('says of what runs that its end is not known when its process dies, and starts another', async () => {
		const launcher = openLauncher();
		const pid = await processOf(launcher);
		const program = await shell(launcher.launch, 'echo ready; cat');
		expect(await firstWords(program)).toBe('ready');
		process.kill(pid, 'SIGKILL');
		expect(await program.ended).toMatchObject({ exitCode: null, error: expect.any(Error) });
		await expect.poll(() => processOf(launcher).catch(() => pid)).not.toBe(pid);
	});

	it('takes all that it started along when it closes, and starts nothing after', async () => {
		const launcher = openLauncher();
		const pid = await processOf(launcher);
		const folder = mkdtempSync(join(tmpdir(), 'am-launcher-'));
		const pipe = join(folder, 'held-open');
		const script = `mkfifo '${pipe}'; echo ready; exec 9>'${pipe}'; tail -f /dev/null`;
		const program = await shell(launcher.launch, script);
		expect(await firstWords(program)).toBe('ready');
		// It ends when nobody is left who holds it open.
		const reading = createReadStream(pipe);
		await once(reading, 'open');
		const held = text(reading);
		const ended = toEnd(program);
		await launcher.close();
		await Promise.all([ended, held]);
		expect(isThere(pid)).toBe(false);
		await expect(shell(launcher.launch, 'exit 0')).rejects.toThrow('ending');
		rmSync(folder, { recursive: true });
	});

	it('starts no process before there is a program', async () => {
		const launcher = openLauncher();
		await launcher.close();
		await expect(shell(launcher.launch, 'exit 0')).rejects.toThrow('ending');
	});
});
