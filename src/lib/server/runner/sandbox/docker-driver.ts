/** The docker driver's logic, over an engine; `docker.ts` puts the two together. */
import type { Logger } from 'pino';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import type { Result } from '#lib/domain/result.ts';
import { fail, ok } from '#lib/domain/result.ts';
import type { DockerEngine, EngineFacts } from './docker-engine.ts';
import { engineError } from './docker-engine.ts';
import { createContainerHandles, exitOf } from './docker-handle.ts';
import { runOnceInDocker } from './docker-once.ts';
import type { DockerContext } from './docker-start.ts';
import {
	imageMissing,
	openContainer,
	refOf,
	removeContainer,
	startContainer,
	startFailed
} from './docker-start.ts';
import type {
	DriverCheck,
	ListedSandbox,
	RunningSandbox,
	SandboxDriver,
	SandboxRef,
	SurveyedSandbox
} from './driver.ts';
import {
	containerName,
	fromLabels,
	INSTANCE_LABEL,
	isOutdated,
	ONCE_LABEL,
	sameLabels
} from './labels.ts';
import { createSessionTurns } from './session-turns.ts';

export interface DockerDriverOptions {
	/** Name and tag of the agent image. */
	image: string;
	/** Hash of what the image is to be made from; null when it can't be told. */
	sources?: () => Promise<string | null>;
	logger: Logger;
	/** Runs instead of the image's entry point, for tests of the sandbox itself. */
	runnerCommand?: readonly string[];
}

/** Of engine 20.10. */
const MINIMUM_API_VERSION = [1, 41] as const;
const CHECK_TIMEOUT_MS = 3_000;

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

/** Asked once; an engine that does not answer is asked again. */
const limitsOnce = (engine: DockerEngine): DockerContext['limits'] => {
	let known: EngineFacts | null = null;
	return async () => {
		if (known === null) {
			const facts = await engine.facts();
			if (!facts.ok) return { limited: false, notes: [facts.error.message] };
			known = facts.value;
		}
		const notes = limitNotes(known);
		return { limited: notes.length === 0, notes };
	};
};

const checkEngine = async (
	{ engine, image }: DockerContext,
	sources: () => Promise<string | null>,
	signal?: AbortSignal
): Promise<DriverCheck> => {
	const timeout = AbortSignal.timeout(CHECK_TIMEOUT_MS);
	const either = signal ? AbortSignal.any([signal, timeout]) : timeout;
	const [facts, found] = await Promise.all([
		engine.facts(either),
		engine.imageLabels(image, either)
	]);
	const answer = (
		problem: WireError | null,
		version: string | null,
		notes: string[] = []
	): DriverCheck => ({
		...{ available: problem === null, limited: version !== null && notes.length === 0 },
		...{ outdated: false, version, problem, notes }
	});
	if (!facts.ok) return answer(wireError('engine_unreachable', facts.error.message), null);
	const { version, apiVersion, operatingSystem } = facts.value;
	const notes = limitNotes(facts.value);
	if (isOldApi(apiVersion)) {
		const message = `Docker engine ${version} is too old: 20.10 or newer is needed.`;
		return answer(wireError('sandbox_unavailable', message), version, notes);
	}
	// Its containers live in a machine of its own, into which a socket of ours does not reach.
	if (operatingSystem.startsWith('Docker Desktop')) {
		const message = 'Docker Desktop can not pass a session’s socket into its own machine.';
		const hint = 'Use the Docker engine of a Linux machine, or bubblewrap.';
		return answer(wireError('sandbox_unavailable', message, { hint }), version, notes);
	}
	if (!found.ok) return answer(engineError(found.error), version, notes);
	if (found.value === null) return answer(imageMissing(image), version, notes);
	const outdated = isOutdated(image, found.value, await sources());
	return { ...answer(null, version, notes), outdated };
};

const listContainers = async (
	engine: DockerEngine,
	instance: string
): Promise<Result<ListedSandbox[], WireError>> => {
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

const surveyContainers = async (
	engine: DockerEngine,
	instance: string
): Promise<Result<SurveyedSandbox[], WireError>> => {
	const answers = await Promise.all([
		engine.list([`${INSTANCE_LABEL}=${instance}`]),
		engine.listNamed(containerName(''))
	]);
	const found = new Map<string, SurveyedSandbox>();
	for (const answer of answers) {
		if (!answer.ok) return fail(engineError(answer.error));
		for (const { id, name, labels, running, createdMs } of answer.value) {
			const ours = fromLabels(labels);
			const isOurs = ours?.instance === instance;
			const owner = !isOurs ? 'foreign' : labels[ONCE_LABEL] === undefined ? 'session' : 'once';
			const ref = isOurs ? refOf(id, ours) : null;
			found.set(id, { name, owner, ref, running, sinceMs: createdMs || null });
		}
	}
	return ok([...found.values()]);
};

const adoptContainer = async (
	context: DockerContext,
	ref: SandboxRef
): Promise<Result<RunningSandbox, WireError>> => {
	const state = await context.engine.inspect(ref.id);
	if (!state.ok) return fail(engineError(state.error, 'sandbox_died'));
	const labels = fromLabels(state.value.labels);
	if (labels === null || !sameLabels(labels, ref.labels)) {
		return fail(wireError('sandbox_died', 'The sandbox is not there any more.'));
	}
	return openContainer(context, refOf(state.value.id, labels));
};

const unexpected = (error: NodeJS.ErrnoException): Result<never, WireError> =>
	fail(
		error.code === 'ENOSPC' ? wireError('disk_full', error.message) : startFailed(error.message)
	);

export const makeDockerDriver = (
	engine: DockerEngine,
	options: DockerDriverOptions
): SandboxDriver => {
	const inTurn = createSessionTurns();
	const sources = options.sources ?? (async () => null);
	const context: DockerContext = {
		engine,
		image: options.image,
		command: options.runnerCommand ?? null,
		handles: createContainerHandles(engine, options.logger),
		limits: limitsOnce(engine)
	};
	return {
		kind: 'docker',
		check: (signal) => checkEngine(context, sources, signal),
		start: (spec, signal) =>
			inTurn(spec.labels.session, () => startContainer(context, spec, signal).catch(unexpected)),
		runOnce: (spec, argv, stdio, signal) => runOnceInDocker(context, spec, argv, stdio, signal),
		list: (instance) => listContainers(engine, instance),
		survey: (instance) => surveyContainers(engine, instance),
		adopt: (ref) => adoptContainer(context, ref),
		remove: (ref) => inTurn(ref.labels.session, () => removeContainer(context, ref))
	};
};
