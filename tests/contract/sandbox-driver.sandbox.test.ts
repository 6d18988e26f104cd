/** One suite for every driver, against real sandboxes. What a driver promises is in `driver.ts`. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { lstat, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type {
	RunningSandbox,
	SandboxDriver,
	SurveyedSandbox,
	SandboxSpec
} from '#lib/server/runner/sandbox/driver.ts';
import { prepareOwnership, sandboxOwner } from '#lib/server/runner/sandbox/sandbox-owner.ts';
import type { SandboxFixture } from '../support/sandbox-fixture.ts';
import { makeSandboxFixture } from '../support/sandbox-fixture.ts';
import type { DriverHarness } from '../support/sandbox-harness.ts';
import { bubblewrapHarness, dockerHarness } from '../support/sandbox-harness.ts';

const run = promisify(execFile);
const signal = (): AbortSignal => AbortSignal.timeout(25_000);

/** Everything a program writes to it, as text. */
const collector = (): { stream: Writable; text(): string } => {
	const chunks: Buffer[] = [];
	return {
		stream: new Writable({
			write: (chunk: Buffer, _, done) => {
				chunks.push(chunk);
				done();
			}
		}),
		text: () => Buffer.concat(chunks).toString('utf8')
	};
};

/** Processes of this session that live in another pid namespace than ours: those inside. */
const insidePids = (session: string): number[] =>
	readdirSync('/proc')
		.map(Number)
		.filter((pid) => {
			try {
				const ours = readlinkSync('/proc/self/ns/pid');
				const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
				return environment.includes(session) && readlinkSync(`/proc/${pid}/ns/pid`) !== ours;
			} catch {
				return false;
			}
		});

const statusOf = (pid: number, field: string): string =>
	new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ??
	'';

describe.each<[string, () => Promise<DriverHarness>]>([
	['bubblewrap', bubblewrapHarness],
	['docker', dockerHarness]
])('%s driver', (_, prepare) => {
	let harness: DriverHarness;
	let fixture: SandboxFixture;
	let spec: SandboxSpec;
	let drivers: SandboxDriver[] = [];

	beforeAll(async () => {
		harness = await prepare();
	}, 900_000);

	afterAll(async () => {
		await harness.close();
	}, 60_000);

	beforeEach(async ({ skip }) => {
		if (harness.skipped !== null) skip(harness.skipped);
		fixture = await makeSandboxFixture();
		spec = fixture.spec;
	});

	afterEach(async () => {
		for (const driver of drivers.slice(-1)) {
			const listed = await driver.list(spec.labels.instance);
			if (listed.ok) for (const { ref } of listed.value) await driver.remove(ref);
		}
		drivers = [];
		if (harness.skipped === null) await fixture.cleanUp();
	});

	/** A driver whose runner is a shell script. */
	const driverFor = (script: string): SandboxDriver => {
		const driver = harness.create(fixture, ['sh', '-c', script]);
		drivers.push(driver);
		return driver;
	};

	const startWith = async (
		script: string,
		change: Partial<SandboxSpec> = {}
	): Promise<RunningSandbox> => {
		const started = await driverFor(script).start({ ...spec, ...change }, signal());
		if (!started.ok) throw new Error(`${started.error.code}: ${started.error.message}`);
		return started.value;
	};

	/** Runs a script to its end; what it printed, one string. */
	const outputOf = async (script: string, change: Partial<SandboxSpec> = {}): Promise<string> => {
		const sandbox = await startWith(script, change);
		await sandbox.exited;
		return (await sandbox.logs(1_000)).join('\n');
	};

	it('says that it can start sandboxes', async () => {
		const check = await driverFor('true').check();
		expect(check.problem).toBeNull();
		expect(check).toMatchObject({ available: true });
		expect(check.version).toMatch(/^\d+\.\d+/);
	});

	describe('inside', () => {
		it('gives the runner its environment, working directory and a home it can write', async () => {
			const output = await outputOf(
				'echo "$AGENT_MANAGER_SESSION"; pwd; echo x > "$HOME/x" && cat "$HOME/x"; echo "$AGENT_MANAGER_CLAUDE"'
			);
			expect(output.split('\n')).toEqual([
				spec.labels.session,
				spec.worktreePath,
				'x',
				'/opt/agent/claude'
			]);
		});

		it('runs as the owner of the worktree without any right', async () => {
			const output = await outputOf(
				'id -u; id -G; grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status'
			);
			const { uid, gid } = sandboxOwner();
			const [user, groups, ...status] = output.split('\n');
			expect([user, groups]).toEqual([String(uid), String(gid)]);
			expect(uid).not.toBe(0);
			for (const line of status.filter((text) => text.startsWith('Cap'))) {
				expect(line).toMatch(/:\s*0+$/);
			}
			expect(status.join('\n')).toMatch(/NoNewPrivs:\s*1/);
			expect(status.join('\n')).toMatch(/Seccomp:\s*2/);
		});

		it('is not root outside either', async ({ skip }) => {
			if (process.getuid?.() !== 0) skip('only root can look into other processes');
			const sandbox = await startWith('echo started; sleep 60');
			const pids = await until(
				() => insidePids(spec.labels.session),
				(found) => found.length >= 2
			);
			for (const pid of pids) {
				expect(statusOf(pid, 'Uid')).not.toMatch(/\b0\b/);
				expect(statusOf(pid, 'CapEff')).toMatch(/^0+$/);
				expect(statusOf(pid, 'CapBnd')).toMatch(/^0+$/);
			}
			await sandbox.stop(0);
		});

		it('writes the worktree and the session folder, and nothing else', async () => {
			const output = await outputOf(`
				touch "$AGENT_MANAGER_WORKTREE/made" && echo worktree
				touch "$AGENT_MANAGER_SESSION_FOLDER/made" && echo session
				touch /tmp/made && echo temporary
				for path in "${spec.mirrorObjectsPath}/x" "${spec.doorDirectory}/x" /x /usr/x /etc/x /opt/agent/x "${fixture.workspaceRoot}/x"; do
					touch "$path" 2>/dev/null && echo "wrote $path"
				done
				mv "${spec.doorDirectory}" "${spec.sessionFolder}/elsewhere" 2>/dev/null && echo moved
				rm -f "${spec.doorDirectory}/door.sock" 2>/dev/null && echo removed
				true`);
			expect(output.split('\n')).toEqual(['worktree', 'session', 'temporary']);
			const { uid } = sandboxOwner();
			expect((await stat(join(spec.worktreePath, 'made'))).uid).toBe(uid);
		});

		it('sees nothing of the host', async () => {
			const output = await outputOf(`
				for path in "${fixture.secretPath}" "${fixture.stateDirectory}" /etc/shadow /var/run/docker.sock /run/docker.sock /home/*; do
					[ -e "$path" ] && cat "$path" 2>/dev/null | grep -q . && echo "saw $path"
				done
				ls "${fixture.workspaceRoot}/worktrees"`);
			expect(output).toBe(spec.labels.session);
		});

		it('reaches the door, and no network', async () => {
			const server = createServer((socket) => socket.end());
			await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
			const { port } = server.address() as { port: number };
			const addresses = Object.values(networkInterfaces())
				.flatMap((list) => list ?? [])
				.filter(({ family }) => family === 'IPv4')
				.map(({ address }) => address);
			const program = `
				const { connect } = require('node:net');
				const { networkInterfaces } = require('node:os');
				const dns = require('node:dns/promises');
				const attempt = (name, options) => new Promise((resolve) => {
					const socket = connect(options);
					socket.setTimeout(1500, () => socket.destroy(new Error('timeout')));
					socket.on('data', (data) => resolve(name + ' ' + data)).on('error', () => resolve(name + ' refused'));
					socket.on('connect', () => { if (options.port) resolve(name + ' CONNECTED'); });
				});
				(async () => {
					console.log(await attempt('door', { path: process.env.AGENT_MANAGER_DOOR }));
					for (const host of ${JSON.stringify([...addresses, '1.1.1.1', '169.254.169.254'])})
						console.log(await attempt('tcp', { host, port: ${port} }));
					console.log(await dns.lookup('example.com').then(() => 'dns RESOLVED', () => 'dns refused'));
					console.log(Object.keys(networkInterfaces()).filter((name) => name !== 'lo').length);
				})();`;
			await writeFile(join(spec.sessionFolder, 'probe.cjs'), program);
			const output = await outputOf('exec node "$AGENT_MANAGER_SESSION_FOLDER/probe.cjs"');
			server.close();
			const lines = output.split('\n');
			expect(lines[0]).toBe('door door says hello');
			expect(lines.slice(1, -1)).toEqual([
				...addresses.map(() => 'tcp refused'),
				'tcp refused',
				'tcp refused',
				'dns refused'
			]);
			expect(lines.at(-1)).toBe('0');
		});

		it('is refused new namespaces, mounts, devices, kernel settings and keyrings', async () => {
			const output = await outputOf(`
				unshare -r true 2>/dev/null && echo unshare
				unshare -U true 2>/dev/null && echo unshare
				mount -t tmpfs none /tmp 2>/dev/null && echo mount
				mount --bind /usr /tmp 2>/dev/null && echo bind
				mknod /tmp/zero c 1 5 2>/dev/null && echo mknod
				echo 1 2>/dev/null > /proc/sys/kernel/printk && echo sysctl
				echo b 2>/dev/null > /proc/sysrq-trigger && echo sysrq
				[ -e /dev/vda ] && echo device
				chown 0 . 2>/dev/null && echo chown
				kill -0 2 2>/dev/null; ls -d /proc/[0-9]* | wc -l
				if command -v python3 >/dev/null; then
					python3 -c 'import ctypes; c = ctypes.CDLL(None); print("keyctl" if c.syscall({"x86_64": 250}.get(__import__("platform").machine(), 219), 0, -3, 1) >= 0 else "refused")'
				else echo refused; fi
				exit 0`);
			const lines = output.split('\n').filter((line) => !line.includes('cannot create'));
			expect(lines).toHaveLength(2);
			expect(Number(lines[0])).toBeLessThan(12);
			expect(lines[1]).toBe('refused');
		});

		it('commits with git in the worktree', async () => {
			const output = await outputOf(`
				set -e
				git config user.name Agent && git config user.email agent@example.com
				echo text > file && git add file && git commit -qm 'A commit' && git log --format=%s`);
			expect(output.split('\n')).toEqual(['A commit', 'First']);
		});

		it('keeps the token off every command line', async ({ skip }) => {
			if (process.platform !== 'linux') skip('reads /proc');
			const sandbox = await startWith('echo up; sleep 60');
			const token = spec.env.AGENT_MANAGER_TOKEN ?? '';
			const seen = readdirSync('/proc').filter((pid) => {
				try {
					return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(token);
				} catch {
					return false;
				}
			});
			expect(seen).toEqual([]);
			await sandbox.stop(0);
		});

		it('takes what a turned agent left in the folders for what it is', async () => {
			const target = join(fixture.workspaceRoot, 'target');
			await mkdir(target);
			await symlink(target, join(spec.sessionFolder, 'home'));
			await symlink('/etc/passwd', join(spec.worktreePath, 'passwd'));
			await run('mkfifo', [join(spec.sessionFolder, 'pipe')]);
			await prepareOwnership([spec.sessionFolder, spec.worktreePath]);
			expect((await stat(target)).uid).toBe(process.getuid?.());
			expect((await stat('/etc/passwd')).uid).toBe(0);
			await outputOf('touch "$HOME/x" 2>/dev/null; true');
			expect(readdirSync(target)).toEqual([]);
			expect((await lstat(join(spec.sessionFolder, 'home'))).isSymbolicLink()).toBe(true);
		});
	});

	describe('ending', () => {
		it('tells the exit code', async () => {
			const sandbox = await startWith('exit 3');
			expect(await sandbox.exited).toEqual({ cause: 'exited', exitCode: 3 });
		});

		it('keeps the last lines of the log, without control characters', async () => {
			const sandbox = await startWith(
				`printf 'one\\ntwo \\033[31mred\\033]52;c;x\\007\\n'; echo three >&2; exit 0`
			);
			await sandbox.exited;
			expect((await sandbox.logs(3)).sort()).toEqual(['one', 'three', 'two red]52;c;x']);
			expect(await sandbox.logs(1)).toHaveLength(1);
		});

		it('is not held up by a flood of output, and keeps little of it', async () => {
			const sandbox = await startWith(
				'head -c 60000000 /dev/zero | tr "\\0" "x" | fold -w 99; echo; echo last'
			);
			expect(await sandbox.exited).toMatchObject({ exitCode: 0 });
			expect((await sandbox.logs(1))[0]).toBe('last');
			expect(await harness.logBytes(sandbox.ref)).toBeLessThan(20_000_000);
		});

		it('lets it end by itself within the grace', async () => {
			const sandbox = await startWith(
				'trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.05; done'
			);
			await untilAsync(
				() => sandbox.logs(1),
				(lines) => lines[0] === 'up'
			);
			await sandbox.stop(10_000);
			expect(await sandbox.exited).toEqual({ cause: 'exited', exitCode: 0 });
			expect((await sandbox.logs(1))[0]).toBe('bye');
			await sandbox.stop(1_000);
		});

		it('kills what does not go', async () => {
			const sandbox = await startWith('trap "" TERM; echo up; while :; do sleep 0.05; done');
			await untilAsync(
				() => sandbox.logs(1),
				(lines) => lines[0] === 'up'
			);
			const begin = performance.now();
			await sandbox.stop(300);
			expect(performance.now() - begin).toBeLessThan(5_000);
			expect(await sandbox.exited).toMatchObject({ cause: 'killed' });
			if (process.getuid?.() === 0) expect(insidePids(spec.labels.session)).toEqual([]);
		});

		it('says so when the runner was killed', async () => {
			const sandbox = await startWith('kill -9 $$');
			// A container's own first process, which tells the two apart, is the image's.
			const cause = harness.kind === 'docker' ? 'killed' : 'runner';
			expect(await sandbox.exited).toEqual({ cause, exitCode: 137 });
		});

		it('leaves nothing running behind', async ({ skip }) => {
			if (process.getuid?.() !== 0) skip('only root can look into other processes');
			const sandbox = await startWith('(setsid sleep 300 &) ; sleep 300 & exit 0');
			await sandbox.exited;
			expect(insidePids(spec.labels.session)).toEqual([]);
		});
	});

	describe('limits', () => {
		it('ends a runner that takes too much memory, and says why', async ({ skip }) => {
			if (!(await driverFor('true').check()).limited) skip('limits are not available here');
			const sandbox = await startWith(
				`exec node -e 'const all = []; for (;;) all.push(Buffer.alloc(10 << 20, 1))'`
			);
			expect(sandbox.limited).toBe(true);
			expect(await sandbox.exited).toEqual({ cause: 'oom', exitCode: 137 });
		});

		it('stops a fork bomb', async ({ skip }) => {
			if (!(await driverFor('true').check()).limited) skip('limits are not available here');
			const output = await outputOf(
				`(i=0; while [ $i -lt 200 ]; do sleep 30 & i=$((i + 1)); done) 2>/dev/null
				ls -d /proc/[0-9]* | wc -l`,
				{ limits: { ...spec.limits, pids: 40 } }
			).catch((error: Error) => error.message);
			const count = Number(output.split('\n').at(-1));
			expect(Number.isNaN(count) || count <= 41).toBe(true);
		});
	});

	describe('finding again', () => {
		it('lists its own sandboxes and no other', async () => {
			const sandbox = await startWith('sleep 60');
			const other = await makeSandboxFixture();
			const driver = drivers[0] as SandboxDriver;
			const second = await driver.start(other.spec, signal());
			const listed = await driver.list(spec.labels.instance);
			expect(listed).toEqual({
				ok: true,
				value: [{ ref: sandbox.ref, running: true, exit: null }]
			});
			if (second.ok) await driver.remove(second.value.ref);
			await other.cleanUp();
		});

		it('adopts one after a restart of the manager', async () => {
			const before = await startWith(
				'echo up; until [ -e "$AGENT_MANAGER_WORKTREE/go" ]; do sleep 0.05; done; exit 5'
			);
			const driver = driverFor('true');
			const listed = await driver.list(spec.labels.instance);
			const ref = listed.ok ? listed.value[0]?.ref : undefined;
			expect(ref).toEqual(before.ref);
			const adopted = await driver.adopt(ref ?? before.ref);
			if (!adopted.ok) throw new Error(adopted.error.message);
			expect(adopted.value.limited).toBe(before.limited);
			await untilAsync(
				() => adopted.value.logs(5),
				(lines) => lines[0] === 'up'
			);
			await writeFile(join(spec.worktreePath, 'go'), '');
			expect(await adopted.value.exited).toEqual({ cause: 'exited', exitCode: 5 });
			expect(await driver.list(spec.labels.instance)).toEqual({
				ok: true,
				value: [{ ref: before.ref, running: false, exit: { cause: 'exited', exitCode: 5 } }]
			});
		});

		it('survives a manager that is killed', async () => {
			const ref = await harness.startInKilledProcess(
				fixture,
				'until [ -e "$AGENT_MANAGER_WORKTREE/go" ]; do sleep 0.05; done; exit 6'
			);
			const driver = driverFor('true');
			const listed = await driver.list(spec.labels.instance);
			expect(listed).toEqual({ ok: true, value: [{ ref, running: true, exit: null }] });
			const adopted = await driver.adopt(ref);
			if (!adopted.ok) throw new Error(adopted.error.message);
			await writeFile(join(spec.worktreePath, 'go'), '');
			expect(await adopted.value.exited).toEqual({ cause: 'exited', exitCode: 6 });
		}, 60_000);

		it('keeps the one of the same epoch, also when asked at once', async () => {
			const driver = driverFor('sleep 60');
			const [first, second] = await Promise.all([
				driver.start(spec, signal()),
				driver.start(spec, signal())
			]);
			const third = await driver.start(spec, signal());
			if (!first.ok || !second.ok || !third.ok) throw new Error('a start failed');
			expect(second.value.ref).toEqual(first.value.ref);
			expect(third.value.ref).toEqual(first.value.ref);
		});

		it('replaces one of an older epoch and refuses to replace a newer one', async () => {
			const first = await startWith('sleep 60');
			const driver = drivers[0] as SandboxDriver;
			const labels = { ...spec.labels, epoch: 2 };
			const second = await driver.start({ ...spec, labels }, signal());
			expect(second.ok).toBe(true);
			expect(await first.exited).toMatchObject({ cause: 'removed' });
			expect(await driver.start(spec, signal())).toMatchObject({
				ok: false,
				error: { code: 'sandbox_start_failed' }
			});
			const listed = await driver.list(spec.labels.instance);
			expect(listed.ok && listed.value.map(({ ref }) => ref.labels.epoch)).toEqual([2]);
		});

		it('removes one, running or not, any number of times', async () => {
			const sandbox = await startWith('sleep 60');
			const driver = drivers[0] as SandboxDriver;
			expect(await driver.remove(sandbox.ref)).toEqual({ ok: true, value: undefined });
			expect(await sandbox.exited).toMatchObject({ cause: 'removed' });
			expect(await driver.remove(sandbox.ref)).toEqual({ ok: true, value: undefined });
			expect(await driver.list(spec.labels.instance)).toEqual({ ok: true, value: [] });
			expect(await driver.adopt(sandbox.ref)).toMatchObject({
				ok: false,
				error: { code: 'sandbox_died' }
			});
			expect(await readFile(join(spec.worktreePath, '.git/HEAD'), 'utf8')).toMatch(/^ref:/);
		});

		it('surveys what is ours and what is somebody else’s, each with what removes it', async () => {
			const sandbox = await startWith('sleep 60');
			const driver = drivers[0] as SandboxDriver;
			const { session, instance } = spec.labels;
			const own = (surveyed: Awaited<ReturnType<SandboxDriver['survey']>>) =>
				surveyed.ok ? surveyed.value.filter(({ name }) => name.includes(session)) : surveyed.error;
			const [found] = own(await driver.survey(instance)) as SurveyedSandbox[];
			expect(found).toMatchObject({ owner: 'session', running: true, ref: sandbox.ref });
			expect(Math.abs(Date.now() - (found?.sinceMs ?? 0))).toBeLessThan(10 * 60_000);
			expect(own(await driver.survey('somebody-else'))).toMatchObject([
				{ owner: 'foreign', ref: null }
			]);
			if (found?.ref) await driver.remove(found.ref);
			expect(own(await driver.survey(instance))).toEqual([]);
		});

		it('does not remove one of another session under the same handle', async () => {
			const sandbox = await startWith('sleep 60');
			const driver = drivers[0] as SandboxDriver;
			const labels = { ...spec.labels, instance: 'somebody-else' };
			await driver.remove({ ...sandbox.ref, labels });
			const listed = await driver.list(spec.labels.instance);
			expect(listed.ok && listed.value[0]?.running).toBe(true);
		});
	});

	describe('failing to start', () => {
		it('says what is wrong when a folder is missing, and leaves nothing', async () => {
			const driver = driverFor('true');
			const broken = { ...spec, mirrorObjectsPath: join(fixture.workspaceRoot, 'nowhere') };
			const started = await driver.start(broken, signal());
			expect(started).toMatchObject({ ok: false, error: { code: 'sandbox_start_failed' } });
			expect(started.ok || started.error.message).toMatch(/nowhere/);
			expect(await driver.list(spec.labels.instance)).toEqual({ ok: true, value: [] });
		});

		it('starts nothing when it was called off', async () => {
			const driver = driverFor('sleep 60');
			const started = await driver.start(spec, AbortSignal.abort());
			expect(started.ok).toBe(false);
			expect(await driver.list(spec.labels.instance)).toEqual({ ok: true, value: [] });
		});

		it('refuses a worktree that belongs to root', async ({ skip }) => {
			if (process.getuid?.() !== 0) skip('only root can own it');
			await run('chown', ['0:0', spec.worktreePath]);
			const started = await driverFor('true').start(spec, signal());
			expect(started).toMatchObject({ ok: false, error: { code: 'sandbox_start_failed' } });
		});
	});

	describe.each([
		['without a sandbox', false],
		['beside a running sandbox', true]
	])('runOnce %s', (__, live) => {
		let driver: SandboxDriver;

		beforeEach(async () => {
			driver = driverFor('sleep 60');
			if (live) expect((await driver.start(spec, signal())).ok).toBe(true);
		});

		it('runs a program against the worktree', async () => {
			const output = collector();
			const ended = await driver.runOnce(
				spec,
				['git', 'upload-pack', '--advertise-refs', spec.worktreePath],
				{ stdout: output.stream },
				signal()
			);
			expect(ended).toEqual({ ok: true, value: { exitCode: 0, stderr: '' } });
			expect(output.text()).toContain(`${fixture.commit} HEAD`);
		});

		it('passes input, exit code and the end of stderr', async () => {
			const output = collector();
			const ended = await driver.runOnce(
				spec,
				['sh', '-c', 'cat; head -c 9000 /dev/zero | tr "\\0" e >&2; echo end >&2; exit 7'],
				{ stdin: Readable.from([Buffer.from('in'), Buffer.from('put')]), stdout: output.stream },
				signal()
			);
			if (!ended.ok) throw new Error(ended.error.message);
			expect(ended.value.exitCode).toBe(7);
			expect(ended.value.stderr).toHaveLength(8 * 1024);
			expect(ended.value.stderr.endsWith('eend\n')).toBe(true);
			expect(output.text()).toBe('input');
		});

		it('is the owner of the worktree, without network and without the token', async () => {
			const output = collector();
			await driver.runOnce(
				spec,
				[
					'sh',
					'-c',
					'id -u; pwd; env | grep -c AGENT_MANAGER_TOKEN; tail -n +3 /proc/net/dev | grep -vc "lo:"; touch "$0/x" 2>/dev/null && echo wrote',
					spec.mirrorObjectsPath
				],
				{ stdout: output.stream },
				signal()
			);
			const { uid } = sandboxOwner();
			const [user, folder, token, , wrote] = output.text().trim().split('\n');
			expect([user, folder, token, wrote]).toEqual([
				String(uid),
				spec.worktreePath,
				'0',
				undefined
			]);
		});

		it('streams much, and only as fast as it is taken', async () => {
			let bytes = 0;
			const slow = new Writable({
				highWaterMark: 1 << 16,
				write: (chunk: Buffer, __, done) => {
					bytes += chunk.length;
					setImmediate(done);
				}
			});
			const ended = await driver.runOnce(
				spec,
				['head', '-c', '50000000', '/dev/zero'],
				{ stdout: slow },
				signal()
			);
			expect(ended).toMatchObject({ ok: true, value: { exitCode: 0 } });
			// All is handed over by now; what the slow taker still holds it takes before it ends.
			await new Promise<void>((resolve) => slow.end(resolve));
			expect(bytes).toBe(50_000_000);
		});

		it('is cut off by its signal', async () => {
			const begin = performance.now();
			const ended = await driver.runOnce(
				spec,
				['sleep', '60'],
				{ stdout: collector().stream },
				AbortSignal.timeout(1_000)
			);
			expect(ended.ok).toBe(false);
			expect(performance.now() - begin).toBeLessThan(8_000);
			if (!live && process.getuid?.() === 0) {
				const left = await until(
					() => sleepersIn(spec.worktreePath),
					(pids) => pids.length === 0
				);
				expect(left).toEqual([]);
			}
		});
	});
});

/** Processes that work in a folder, whatever namespace they are in. */
const sleepersIn = (folder: string): number[] =>
	readdirSync('/proc')
		.map(Number)
		.filter((pid) => {
			try {
				return readlinkSync(`/proc/${pid}/cwd`) === folder;
			} catch {
				return false;
			}
		});

/** Looks again until it holds; the last answer when it never does. */
const untilAsync = async <T>(look: () => Promise<T>, holds: (found: T) => boolean): Promise<T> => {
	const end = performance.now() + 10_000;
	for (;;) {
		const found = await look();
		if (holds(found) || performance.now() > end) return found;
		await new Promise((resolve) => setTimeout(resolve, 20));
	}
};

const until = <T>(look: () => T, holds: (found: T) => boolean): Promise<T> =>
	untilAsync(() => Promise.resolve(look()), holds);
