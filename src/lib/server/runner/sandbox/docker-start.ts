/** Starting a session's container: what has its name already, making it, running it. */
import { stat } from 'node:fs/promises';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { currentBootId } from '#lib/server/process-stat.ts';
import { wireError } from '#lib/domain/errors.ts';
import type { Result } from '#lib/domain/result.ts';
import { fail, ok } from '#lib/domain/result.ts';
import { sessionContainer } from './docker-container.ts';
import type { ContainerState, DockerEngine } from './docker-engine.ts';
import { engineError } from './docker-engine.ts';
import type { ContainerHandles } from './docker-handle.ts';
import type { RunningSandbox, SandboxRef, SandboxSpec } from './driver.ts';
import { containerName, fromLabels, sameLabels } from './labels.ts';
import type { Owner } from './sandbox-owner.ts';
import { makeHome } from './sandbox-owner.ts';

/** What every operation of one driver works with. */
export interface DockerContext {
	engine: DockerEngine;
	image: string;
	/** Runs instead of the image's entry point. */
	command: readonly string[] | null;
	handles: ContainerHandles;
	/** Which limits this engine can keep. */
	limits(): Promise<{ limited: boolean; notes: string[] }>;
}

export const startFailed = (message: string): WireError =>
	wireError('sandbox_start_failed', message);

export const imageMissing = (image: string): WireError =>
	wireError('sandbox_image_missing', `The sandbox image ${image} is not there.`);

/** Who owns the worktree is who runs; null on Windows, where files have no such owner. */
export const ownerOf = async (worktreePath: string): Promise<Result<Owner | null, WireError>> => {
	if (process.platform === 'win32') return ok(null);
	const { uid, gid } = await stat(worktreePath);
	return uid === 0 ? fail(startFailed('The worktree belongs to root.')) : ok({ uid, gid });
};

export const refOf = (id: string, labels: SandboxRef['labels']): SandboxRef => ({
	kind: 'docker',
	id,
	labels
});

/** Removes the container that a handle names; one with other labels is left alone. */
export const removeContainer = async (
	{ engine, handles }: DockerContext,
	ref: SandboxRef
): Promise<Result<void, WireError>> => {
	const state = await engine.inspect(ref.id);
	if (!state.ok) return state.error.kind === 'missing' ? ok() : fail(engineError(state.error));
	const labels = fromLabels(state.value.labels);
	if (labels === null || !sameLabels(labels, ref.labels)) return ok();
	handles.markRemoving(state.value.id);
	const removed = await engine.remove(state.value.id);
	return removed.ok || removed.error.kind === 'missing' ? ok() : fail(engineError(removed.error));
};

export const openContainer = async (
	{ handles, limits }: DockerContext,
	ref: SandboxRef
): Promise<Result<RunningSandbox, WireError>> => ok(handles.open(ref, await limits()));

const launch = async (
	context: DockerContext,
	ref: SandboxRef,
	signal: AbortSignal
): Promise<Result<RunningSandbox, WireError>> => {
	const started = await context.engine.start(ref.id, signal);
	if (started.ok) return openContainer(context, ref);
	await removeContainer(context, ref);
	return fail(engineError(started.error));
};

/** The container that has the name already: ours to keep, older and now gone, or in the way. */
const settleExisting = async (
	context: DockerContext,
	state: ContainerState,
	spec: SandboxSpec,
	signal: AbortSignal
): Promise<Result<SandboxRef | null, WireError>> => {
	const labels = fromLabels(state.labels);
	const { instance, session, epoch } = spec.labels;
	if (labels?.instance !== instance || labels.session !== session) {
		return fail(startFailed(`A container that is not ours has the name of this session's.`));
	}
	const ref = refOf(state.id, labels);
	if (labels.epoch > epoch) {
		const message = `A newer sandbox of this session is there already (epoch ${labels.epoch}).`;
		return fail(startFailed(message));
	}
	if (labels.epoch < epoch) {
		const removed = await removeContainer(context, ref);
		return removed.ok ? ok(null) : removed;
	}
	if (state.status !== 'created') return ok(ref);
	const started = await context.engine.start(ref.id, signal);
	return started.ok ? ok(ref) : fail(engineError(started.error));
};

/** Adopts what is there with these labels, or makes it. Called for one session at a time. */
export const startContainer = async (
	context: DockerContext,
	spec: SandboxSpec,
	signal: AbortSignal
): Promise<Result<RunningSandbox, WireError>> => {
	const { engine, image, command } = context;
	const name = containerName(spec.labels.session);
	const owner = await ownerOf(spec.worktreePath);
	if (!owner.ok) return owner;
	const home = await makeHome(spec.sessionFolder);
	const container = sessionContainer(spec, image, owner.value, home, command, currentBootId());
	for (let attempt = 0; attempt < 2; attempt++) {
		const created = await engine.create(name, container, signal);
		if (created.ok) return launch(context, refOf(created.value, spec.labels), signal);
		if (created.error.kind === 'missing') return fail(imageMissing(image));
		if (created.error.kind !== 'conflict') return fail(engineError(created.error));
		const state = await engine.inspect(name);
		if (!state.ok && state.error.kind === 'missing') continue;
		if (!state.ok) return fail(engineError(state.error));
		const settled = await settleExisting(context, state.value, spec, signal);
		if (!settled.ok) return settled;
		if (settled.value !== null) return openContainer(context, settled.value);
	}
	return fail(startFailed(`The container ${name} could not be made: its name stays taken.`));
};
