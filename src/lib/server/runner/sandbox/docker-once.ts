/** One program against a session's worktree: in its running container, else in a throw-away one. */
import type { Readable, Writable } from 'node:stream';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { Result } from '#lib/domain/result.ts';
import { fail, ok } from '#lib/domain/result.ts';
import { onceContainer, onceExec } from './docker-container.ts';
import type { Attached } from './docker-engine.ts';
import { engineError } from './docker-engine.ts';
import { unframe } from './docker-frames.ts';
import type { DockerContext } from './docker-start.ts';
import { imageMissing, ownerOf, startFailed } from './docker-start.ts';
import type { RunOnceSpec } from './driver.ts';
import { containerName, fromLabels } from './labels.ts';
import { collectTail } from './run-once.ts';

const connectOnce = async (
	{ engine, image }: DockerContext,
	spec: RunOnceSpec,
	argv: readonly string[],
	hasInput: boolean,
	signal: AbortSignal
): Promise<Result<Attached, WireError>> => {
	const owner = await ownerOf(spec.worktreePath);
	if (!owner.ok) return owner;
	const live = await engine.inspect(containerName(spec.labels.session));
	const labels = live.ok ? fromLabels(live.value.labels) : null;
	const isOurs =
		labels?.instance === spec.labels.instance && labels.session === spec.labels.session;
	if (live.ok && isOurs && live.value.status === 'running') {
		const exec = onceExec(spec, owner.value, argv, hasInput);
		const attached = await engine.exec(live.value.id, exec, signal);
		if (attached.ok) return attached;
	}
	const container = onceContainer(spec, image, owner.value, argv, hasInput);
	const attached = await engine.runAttached(container, hasInput, signal);
	if (attached.ok) return attached;
	const { error } = attached;
	return fail(error.kind === 'missing' ? imageMissing(image) : engineError(error));
};

/** See `SandboxDriver.runOnce`. */
export const runOnceInDocker = async (
	context: DockerContext,
	spec: RunOnceSpec,
	argv: readonly string[],
	stdio: { stdin?: Readable; stdout: Writable },
	signal: AbortSignal
): Promise<Result<{ exitCode: number; stderr: string }, WireError>> => {
	const stderr = collectTail();
	try {
		const attached = await connectOnce(context, spec, argv, stdio.stdin !== undefined, signal);
		if (!attached.ok) return attached;
		const { stream } = attached.value;
		const cut = (): void => void stream.destroy(new Error('It was called off.'));
		signal.addEventListener('abort', cut, { once: true });
		// A program may end without reading all its input: that is its right, not a failure.
		stream.on('error', () => undefined);
		stdio.stdin?.once('error', cut);
		stdio.stdin?.pipe(stream);
		try {
			await unframe(stream, stdio.stdout, (chunk) => stderr.add(chunk));
		} finally {
			signal.removeEventListener('abort', cut);
			stream.destroy();
		}
		const code = await attached.value.exitCode();
		if (!code.ok) return fail(engineError(code.error));
		return ok({ exitCode: code.value, stderr: stderr.text() });
	} catch (error) {
		const why = error instanceof Error ? error.message : String(error);
		return fail(startFailed(`The program in the sandbox was cut off: ${why}`));
	}
};
