/** The real docker driver through the real proxy: all that a session asks of an engine. */
import { once } from 'node:events';
import type { Server } from 'node:http';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { connectDocker, createDockerDriver } from '#lib/server/runner/sandbox/docker-connection.ts';
import type { SandboxDriver } from '#lib/server/runner/sandbox/driver.ts';
import { sandboxOwner } from '#lib/server/runner/sandbox/sandbox-owner.ts';
import { engineAt } from '../../stack/engine-client.ts';
import { createEngineProxy } from '../../stack/engine-proxy.ts';
import { makeSandboxFixture, type SandboxFixture } from '../support/sandbox-fixture.ts';
import { dockerHarness, type DriverHarness } from '../support/sandbox-harness.ts';

let harness: DriverHarness;
let fixture: SandboxFixture;
let direct: SandboxDriver;
let through: SandboxDriver;
let proxy: Server;
let said: string[];

const COMMAND = ['/bin/sh', '-c', 'echo it runs; trap "exit 7" TERM; while :; do sleep 0.1; done'];
const signal = (): AbortSignal => AbortSignal.timeout(25_000);

beforeAll(async () => {
	harness = await dockerHarness();
}, 900_000);
afterAll(async () => {
	await harness.close();
}, 60_000);

beforeEach(async ({ skip }) => {
	if (harness.skipped !== null || harness.docker === null)
		return skip(harness.skipped ?? 'no engine');
	fixture = await makeSandboxFixture();
	direct = harness.create(fixture, COMMAND);
	said = [];
	const { uid, gid } = sandboxOwner();
	const { dockerHost, image } = harness.docker;
	proxy = createEngineProxy({
		engine: engineAt(dockerHost.slice('unix://'.length)),
		rules: { image, workspace: fixture.workspaceRoot, owner: `${uid}:${gid}` },
		grant: 'sandboxes',
		socketName: dockerHost,
		say: (line) => said.push(line)
	});
	const path = join(fixture.workspaceRoot, 'proxy.sock');
	await once(proxy.listen(path), 'listening');
	through = createDockerDriver({
		...{ image, logger: pino({ level: 'silent' }), runnerCommand: COMMAND },
		engine: connectDocker(`unix://${path}`)
	});
});
afterEach(async () => {
	if (harness.skipped !== null) return;
	const left = await direct.list(fixture.spec.labels.instance);
	if (left.ok) for (const { ref } of left.value) await direct.remove(ref);
	proxy.closeAllConnections();
	proxy.close();
	await fixture.cleanUp();
});

const output = (): { stream: Writable; text(): string } => {
	let text = '';
	const stream = new Writable({
		write: (chunk: Buffer, _, done) => {
			text += chunk.toString();
			done();
		}
	});
	return { stream, text: () => text };
};

/** The value of what went well; else the error fails the test. */
const valueOf = <T>(result: { ok: true; value: T } | { ok: false; error: unknown }): T => {
	if (!result.ok) throw new Error(JSON.stringify(result.error));
	return result.value;
};

it('gives a session all that it needs', async () => {
	const { spec } = fixture;
	expect(await through.check()).toMatchObject({ available: true, problem: null });
	const sandbox = valueOf(await through.start(spec, signal()));
	const runProgram = async (): Promise<string> => {
		const out = output();
		const input = Readable.from(['one\n', 'two\n']);
		const ended = await through.runOnce(
			spec,
			['/bin/sh', '-c', 'cat; echo err >&2; exit 3'],
			{ stdin: input, stdout: out.stream },
			signal()
		);
		expect(valueOf(ended)).toEqual({ exitCode: 3, stderr: 'err\n' });
		return out.text();
	};
	// In the container that is up, by exec.
	expect(await runProgram()).toBe('one\ntwo\n');
	expect(await sandbox.logs(10)).toEqual(['it runs']);
	expect(await sandbox.condition()).toBe('running');
	expect(valueOf(await through.list(spec.labels.instance))).toHaveLength(1);
	expect(valueOf(await through.survey(spec.labels.instance)).map(({ owner }) => owner)).toContain(
		'session'
	);
	expect(valueOf(await through.adopt(sandbox.ref)).ref).toEqual(sandbox.ref);
	await sandbox.stop(5_000);
	expect(await sandbox.exited).toEqual({ cause: 'exited', exitCode: 7 });
	// In one of its own, attached to before it starts.
	expect(await runProgram()).toBe('one\ntwo\n');
	valueOf(await through.remove(sandbox.ref));
	expect(valueOf(await direct.list(spec.labels.instance))).toEqual([]);
	expect(said).toEqual([]);
}, 60_000);

it('refuses a mount of what is none of the session’s, in words that reach the page', async () => {
	const elsewhere = join(fixture.workspaceRoot, 'elsewhere');
	await mkdir(elsewhere);
	await writeFile(join(elsewhere, 'token'), 'secret');
	const started = await through.start({ ...fixture.spec, mirrorObjectsPath: elsewhere }, signal());
	expect(started.ok ? '' : started.error.message).toContain(
		`the mount of ${elsewhere} is none of the session's`
	);
	expect(said[0]).toMatch(/^refused POST \/containers\/create: /);
});

it('does not touch a sandbox that another one has started on the same engine', async () => {
	const sandbox = valueOf(await direct.start(fixture.spec, signal()));
	const adopted = await through.adopt(sandbox.ref);
	expect(adopted.ok ? '' : adopted.error.message).toContain('not of this stack');
	expect((await through.remove(sandbox.ref)).ok).toBe(false);
	expect(await sandbox.condition()).toBe('running');
}, 60_000);
