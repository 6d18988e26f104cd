/** The docker driver's logic, over an engine; `docker.ts` puts the two together. */
import { stat } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';
import type { Logger } from 'pino';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import type { Result } from '#lib/domain/result.ts';
import { fail, ok } from '#lib/domain/result.ts';
import { onceContainer, onceExec, sessionContainer } from './docker-container.ts';
import type { Attached, ContainerState, DockerEngine, EngineFacts } from './docker-engine.ts';
import { engineError } from './docker-engine.ts';
import { unframe } from './docker-frames.ts';
import { createContainerHandles, exitOf } from './docker-handle.ts';
import type {
	DriverCheck,
	ListedSandbox,
	RunOnceSpec,
	SandboxDriver,
	SandboxRef,
	SandboxSpec
} from './driver.ts';
import { containerName, fromLabels, INSTANCE_LABEL, ONCE_LABEL, sameLabels } from './labels.ts';
import { collectTail } from './run-once.ts';
import type { Owner } from './sandbox-owner.ts';
import { makeHome } from './sandbox-owner.ts';

export interface DockerDriverOptions {
	/** Name and tag of the agent image. */
	image: string;
	logger: Logger;
	/** Runs instead of the image's entry point, for tests of the sandbox itself. */
	runnerCommand?: readonly string[];
}

/** Of engine 20.10. */
const MINIMUM_API_VERSION = [1, 41] as const;
const CHECK_TIMEOUT_MS = 3_000;

const startFailed = (message: string): WireError => wireError('sandbox_start_failed', message);

const imageMissing = (image: string): WireError =>
	wireError('sandbox_image_missing', `The sandbox image ${image} is not there.`);

export const isOldApi = (apiVersion: string): boolean => {
	const [major = 0, minor = 0] = apiVersion.split('.').map(Number);
	return (
		major < MINIMUM_API_VERSION[0] ||
		(major === MINIMUM_API_VERSION[0] && minor < MINIMUM_API_VERSION[1])
	);
};

const limitNotes = ({ canLimit }: EngineFacts): string[] =>
	Object.entries(canLimit)
		.filter(([, can]) => !can)
		.map(([what]) => `No limit on ${what}: the engine's kernel does not offer it.`);

/** Who owns the worktree is who runs; null on Windows, where files have no such owner. */
const ownerOf = async (worktreePath: string): Promise<Result<Owner | null, WireError>> => {
	if (process.platform === 'win32') return ok(null);
	const { uid, gid } = await stat(worktreePath);
	return uid === 0 ? fail(startFailed('The worktree belongs to root.')) : ok({ uid, gid });
};

const refOf = (id: string, labels: SandboxRef['labels']): SandboxRef => ({
	kind: 'docker',
	id,
	labels
});

export const makeDockerDriver = (
	engine: DockerEngine,
	options: DockerDriverOptions
): SandboxDriver => {
	const { image } = options;
	const handles = createContainerHandles(engine, options.logger);
	const starting = new Map<string, Promise<unknown>>();
	let known: EngineFacts | null = null;

	const limits = async (): Promise<{ limited: boolean; notes: string[] }> => {
		if (known === null) {
			const facts = await engine.facts();
			if (!facts.ok) return { limited: false, notes: [facts.error.message] };
			known = facts.value;
		}
		const notes = limitNotes(known);
		return { limited: notes.length === 0, notes };
	};

	const check = async (signal?: AbortSignal): Promise<DriverCheck> => {
		const timeout = AbortSignal.timeout(CHECK_TIMEOUT_MS);
		const either = signal ? AbortSignal.any([signal, timeout]) : timeout;
		const [facts, found] = await Promise.all([
			engine.facts(either),
			engine.hasImage(image, either)
		]);
		const answer = (problem: WireError | null, version: string | null, notes: string[] = []) => ({
			...{ available: problem === null, limited: version !== null && notes.length === 0 },
			...{ version, problem, notes }
		});
		if (!facts.ok) return answer(wireError('engine_unreachable', facts.error.message), null);
		known = facts.value;
		const { version, apiVersion } = facts.value;
		const notes = limitNotes(facts.value);
		if (isOldApi(apiVersion)) {
			const message = `Docker engine ${version} is too old: 20.10 or newer is needed.`;
			return answer(wireError('sandbox_unavailable', message), version, notes);
		}
		if (!found.ok) return answer(engineError(found.error), version, notes);
		return answer(found.value ? null : imageMissing(image), version, notes);
	};

	const remove: SandboxDriver['remove'] = async (ref) => {
		const state = await engine.inspect(ref.id);
		if (!state.ok) {
			return state.error.kind === 'missing' ? ok() : fail(engineError(state.error));
		}
		const labels = fromLabels(state.value.labels);
		if (labels === null || !sameLabels(labels, ref.labels)) return ok();
		handles.markRemoving(state.value.id);
		const removed = await engine.remove(state.value.id);
		return removed.ok || removed.error.kind === 'missing' ? ok() : fail(engineError(removed.error));
	};

	const open = async (ref: SandboxRef) => ok(handles.open(ref, await limits()));

	const launch = async (ref: SandboxRef, signal: AbortSignal) => {
		const started = await engine.start(ref.id, signal);
		if (started.ok) return open(ref);
		await remove(ref);
		return fail(engineError(started.error));
	};

	/** The container that has the name already: ours to keep, older and now gone, or in the way. */
	const settleExisting = async (
		state: ContainerState,
		spec: SandboxSpec,
		signal: AbortSignal
	): Promise<Result<SandboxRef | null, WireError>> => {
		const labels = fromLabels(state.labels);
		if (
			labels === null ||
			labels.instance !== spec.labels.instance ||
			labels.session !== spec.labels.session
		) {
			return fail(startFailed(`A container that is not ours has the name of this session's.`));
		}
		const ref = refOf(state.id, labels);
		if (labels.epoch > spec.labels.epoch) {
			const message = `A newer sandbox of this session is there already (epoch ${labels.epoch}).`;
			return fail(startFailed(message));
		}
		if (labels.epoch < spec.labels.epoch) {
			const removed = await remove(ref);
			return removed.ok ? ok(null) : removed;
		}
		if (state.status !== 'created') return ok(ref);
		const started = await engine.start(ref.id, signal);
		return started.ok ? ok(ref) : fail(engineError(started.error));
	};

	const startNow = async (spec: SandboxSpec, signal: AbortSignal) => {
		const name = containerName(spec.labels.session);
		const owner = await ownerOf(spec.worktreePath);
		if (!owner.ok) return owner;
		const home = await makeHome(spec.sessionFolder);
		const command = options.runnerCommand ?? null;
		const container = sessionContainer(spec, image, owner.value, home, command);
		for (let attempt = 0; attempt < 2; attempt++) {
			const created = await engine.create(name, container, signal);
			if (created.ok) return launch(refOf(created.value, spec.labels), signal);
			if (created.error.kind === 'missing') return fail(imageMissing(image));
			if (created.error.kind !== 'conflict') return fail(engineError(created.error));
			const state = await engine.inspect(name);
			if (!state.ok) {
				if (state.error.kind === 'missing') continue;
				return fail(engineError(state.error));
			}
			const settled = await settleExisting(state.value, spec, signal);
			if (!settled.ok) return settled;
			if (settled.value !== null) return open(settled.value);
		}
		return fail(startFailed(`The container ${name} could not be made: its name stays taken.`));
	};

	const start: SandboxDriver['start'] = async (spec, signal) => {
		const { session } = spec.labels;
		const turn = (starting.get(session) ?? Promise.resolve()).then(() =>
			startNow(spec, signal).catch((error: NodeJS.ErrnoException) =>
				fail(
					error.code === 'ENOSPC'
						? wireError('disk_full', error.message)
						: startFailed(error.message)
				)
			)
		);
		starting.set(session, turn);
		void turn.finally(() => {
			if (starting.get(session) === turn) starting.delete(session);
		});
		return turn;
	};

	const connectOnce = async (
		spec: RunOnceSpec,
		argv: readonly string[],
		hasInput: boolean,
		signal: AbortSignal
	): Promise<Result<Attached, WireError>> => {
		const owner = await ownerOf(spec.worktreePath);
		if (!owner.ok) return owner;
		const live = await engine.inspect(containerName(spec.labels.session));
		if (live.ok && live.value.status === 'running') {
			const labels = fromLabels(live.value.labels);
			if (labels?.instance === spec.labels.instance && labels.session === spec.labels.session) {
				const exec = onceExec(spec, owner.value, argv, hasInput);
				const attached = await engine.exec(live.value.id, exec, signal);
				if (attached.ok) return attached;
			}
		}
		const container = onceContainer(spec, image, owner.value, argv, hasInput);
		const attached = await engine.runAttached(container, hasInput, signal);
		if (attached.ok) return attached;
		return fail(
			attached.error.kind === 'missing' ? imageMissing(image) : engineError(attached.error)
		);
	};

	const runOnce = async (
		spec: RunOnceSpec,
		argv: readonly string[],
		stdio: { stdin?: Readable; stdout: Writable },
		signal: AbortSignal
	): Promise<Result<{ exitCode: number; stderr: string }, WireError>> => {
		const stderr = collectTail();
		try {
			const attached = await connectOnce(spec, argv, stdio.stdin !== undefined, signal);
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

	const list: SandboxDriver['list'] = async (instance) => {
		const containers = await engine.list([`${INSTANCE_LABEL}=${instance}`]);
		if (!containers.ok) return fail(engineError(containers.error));
		const listed: ListedSandbox[] = [];
		for (const { id, labels, running } of containers.value) {
			const ours = fromLabels(labels);
			if (ours?.instance !== instance || labels[ONCE_LABEL] !== undefined) continue;
			const ref = refOf(id, ours);
			if (running) {
				listed.push({ ref, running, exit: null });
				continue;
			}
			const state = await engine.inspect(id);
			if (!state.ok && state.error.kind === 'missing') continue;
			if (!state.ok) return fail(engineError(state.error));
			const exit = state.value.running ? null : exitOf(state.value, false);
			listed.push({ ref, running: state.value.running, exit });
		}
		return ok(listed);
	};

	const adopt: SandboxDriver['adopt'] = async (ref) => {
		const state = await engine.inspect(ref.id);
		if (!state.ok) return fail(engineError(state.error, 'sandbox_died'));
		const labels = fromLabels(state.value.labels);
		if (labels === null || !sameLabels(labels, ref.labels)) {
			return fail(wireError('sandbox_died', 'The sandbox is not there any more.'));
		}
		return open(refOf(state.value.id, labels));
	};

	return { kind: 'docker', check, start, runOnce, list, adopt, remove };
};
