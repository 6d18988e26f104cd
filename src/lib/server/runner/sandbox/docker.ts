/** What we ask of any engine from 20.10, through dockerode; everything that it answers is parsed here. */
import type { Duplex } from 'node:stream';
import type Docker from 'dockerode';
import { z } from 'zod';
import { fail, ok } from '#lib/domain/result.ts';
import type { Answer, ContainerSummary, DockerEngine, EngineFailure } from './docker-engine.ts';
import { ENGINE_TIMEOUT_MS } from './docker-engine.ts';

const labelsSchema = z
	.record(z.string(), z.string())
	.nullish()
	.transform((labels) => labels ?? {});

const versionSchema = z.object({ Version: z.string(), ApiVersion: z.string() });

const infoSchema = z.object({
	OperatingSystem: z.string().catch(''),
	MemoryLimit: z.boolean().catch(false),
	PidsLimit: z.boolean().catch(false),
	CpuCfsQuota: z.boolean().catch(false)
});

const inspectSchema = z.object({
	Id: z.string(),
	Config: z.object({ Labels: labelsSchema }),
	State: z.object({
		Status: z.string(),
		Running: z.boolean(),
		ExitCode: z.int(),
		OOMKilled: z.boolean(),
		FinishedAt: z.string().catch('')
	})
});

const imageSchema = z.object({ Config: z.object({ Labels: labelsSchema }) });
/** One that has not come yet is the year 1 to the engine. */
const timeOf = (text: string): number | null => {
	const time = Date.parse(text);
	return time > 0 ? time : null;
};

const eventSchema = z.object({ Action: z.string() });

const listSchema = z.array(
	z.object({
		Id: z.string(),
		Names: z.array(z.string()).nullish(),
		Labels: labelsSchema,
		State: z.string(),
		Created: z.number().catch(0)
	})
);

const waitSchema = z.object({ StatusCode: z.int() });

const failureOf = (error: unknown): EngineFailure => {
	const { statusCode, json, message, code, name } = error as {
		statusCode?: number;
		json?: { message?: unknown };
		message?: string;
		code?: string;
		name?: string;
	};
	if (statusCode !== undefined) {
		const said = typeof json?.message === 'string' ? json.message : String(message);
		const kinds: Record<number, EngineFailure['kind']> = {
			...{ 404: 'missing', 409: 'conflict' },
			// A proxy in between says that the engine is not there.
			502: 'unreachable'
		};
		return { kind: kinds[statusCode] ?? 'refused', message: said };
	}
	if (error instanceof z.ZodError) {
		return { kind: 'refused', message: 'The Docker engine answered something unknown.' };
	}
	const why = code === 'EACCES' ? 'this user may not use its socket' : (code ?? name ?? message);
	return { kind: 'unreachable', message: `The Docker engine does not answer (${why}).` };
};

/**
 * Runs one call with a time limit. A limit that ran out means an engine that hangs; an abort by
 * `signal` is the caller's own.
 */
const call = async <T>(
	run: (signal: AbortSignal) => Promise<T>,
	signal?: AbortSignal,
	timeoutMs: number | null = ENGINE_TIMEOUT_MS
): Answer<T> => {
	const cancel = new AbortController();
	const abort = (): void => cancel.abort();
	signal?.addEventListener('abort', abort, { once: true });
	if (signal?.aborted) abort();
	const timer = timeoutMs === null ? undefined : setTimeout(abort, timeoutMs);
	const cut = new Promise<never>((_, reject) => {
		const stop = (): void => reject(new Error(`no answer in ${timeoutMs ?? 0} ms`));
		if (cancel.signal.aborted) stop();
		cancel.signal.addEventListener('abort', stop, { once: true });
	});
	try {
		return ok(await Promise.race([run(cancel.signal), cut]));
	} catch (error) {
		if (signal?.aborted) return fail({ kind: 'aborted', message: 'It was called off.' });
		return fail(failureOf(error));
	} finally {
		clearTimeout(timer);
		signal?.removeEventListener('abort', abort);
	}
};

/** What dockerode's types leave out: every call takes options, and an `abortSignal` in them. */
interface Asker {
	version(options: object): Promise<unknown>;
	info(options: object): Promise<unknown>;
	getEvents(options: object): Promise<NodeJS.ReadableStream>;
}

const withSignal = <T extends object>(options: T, abortSignal: AbortSignal): T => ({
	...options,
	abortSignal
});

const attachExec = async (
	docker: Docker,
	id: string,
	options: object,
	signal: AbortSignal
): Answer<{ stream: Duplex; exitCode(): Answer<number> }> =>
	call(async (abortSignal) => {
		const exec = await docker.getContainer(id).exec(withSignal(options, abortSignal));
		const stream = await exec.start(withSignal({ hijack: true, stdin: true }, abortSignal));
		const exitCode = (): Answer<number> =>
			call(async (limit) => {
				const state: unknown = await exec.inspect(withSignal({}, limit));
				return z.object({ ExitCode: z.int() }).parse(state).ExitCode;
			});
		return { stream, exitCode };
	}, signal);

const attachRun = async (
	docker: Docker,
	options: object,
	hasInput: boolean,
	signal: AbortSignal
): Answer<{ stream: Duplex; exitCode(): Answer<number> }> =>
	call(async (abortSignal) => {
		// Without the signal: a container that was made all the same must be known, to be removed.
		const container = await docker.createContainer(options);
		const discard = (): void => void container.remove({ force: true }).catch(() => undefined);
		try {
			abortSignal.throwIfAborted();
			const streams = { stream: true, stdin: hasInput, stdout: true, stderr: true };
			const stream = (await container.attach(
				withSignal({ ...streams, hijack: true }, abortSignal)
			)) as Duplex;
			const ended = container.wait({ condition: 'next-exit' }).then(
				(answer: unknown) => waitSchema.parse(answer).StatusCode,
				(error: unknown) => error
			);
			await container.start(withSignal({}, abortSignal));
			signal.addEventListener('abort', discard, { once: true });
			const exitCode = (): Answer<number> =>
				call(async () => {
					const code = await ended;
					signal.removeEventListener('abort', discard);
					if (typeof code !== 'number') throw code;
					return code;
				});
			return { stream, exitCode };
		} catch (error) {
			discard();
			throw error;
		}
	}, signal);

const buildLineSchema = z.object({
	stream: z.string().optional(),
	status: z.string().optional(),
	id: z.string().optional(),
	error: z.string().optional()
});

/** Reads the engine's build messages to the end; throws the engine's own error. */
const readBuild = async (
	messages: NodeJS.ReadableStream,
	onLine: (line: string) => void
): Promise<void> => {
	let rest = '';
	for await (const chunk of messages) {
		rest += String(chunk);
		const lines = rest.split('\n');
		rest = lines.pop() ?? '';
		for (const line of lines) {
			if (line.trim() === '') continue;
			const { stream, status, id, error } = buildLineSchema.parse(JSON.parse(line));
			if (error !== undefined) throw Object.assign(new Error(error), { statusCode: 500 });
			const words = stream ?? (status === undefined ? '' : `${id ? `${id}: ` : ''}${status}`);
			for (const said of words.split('\n')) if (said.trim() !== '') onLine(said.trimEnd());
		}
	}
};

/** An engine may run without one (`--bridge none`); a build's steps then reach nothing by default. */
const hasBridge = async (docker: Docker, abortSignal: AbortSignal): Promise<boolean> => {
	try {
		const network = docker.getNetwork('bridge') as unknown as Pick<Docker.Image, 'inspect'>;
		await network.inspect(withSignal({}, abortSignal));
		return true;
	} catch (error) {
		if (failureOf(error).kind === 'missing') return false;
		throw error;
	}
};

/** What is asked about the engine and its images. */
const engineCalls = (docker: Docker): Pick<DockerEngine, 'facts' | 'imageLabels' | 'build'> => ({
	facts: (signal) =>
		call(async (abortSignal) => {
			const asker = docker as unknown as Asker;
			const [version, info] = await Promise.all([
				asker.version(withSignal({}, abortSignal)),
				asker.info(withSignal({}, abortSignal))
			]);
			const { Version, ApiVersion } = versionSchema.parse(version);
			const { OperatingSystem, MemoryLimit, PidsLimit, CpuCfsQuota } = infoSchema.parse(info);
			return {
				version: Version,
				apiVersion: ApiVersion,
				operatingSystem: OperatingSystem,
				canLimit: { memory: MemoryLimit, pids: PidsLimit, cpu: CpuCfsQuota }
			};
		}, signal),
	imageLabels: async (name, signal) => {
		const found = await call(async (abortSignal) => {
			const image: unknown = await docker.getImage(name).inspect(withSignal({}, abortSignal));
			return imageSchema.parse(image).Config.Labels;
		}, signal);
		return !found.ok && found.error.kind === 'missing' ? ok(null) : found;
	},
	build: ({ folder, files, tag, labels, buildArgs }, onLine, signal) =>
		call(
			async (abortSignal) => {
				const network = (await hasBridge(docker, abortSignal)) ? {} : { networkmode: 'host' };
				const messages = await docker.buildImage(
					{ context: folder, src: [...files] },
					withSignal({ t: tag, buildargs: buildArgs, labels, ...network }, abortSignal)
				);
				await readBuild(messages, onLine);
			},
			signal,
			null
		)
});

type ContainerCalls = Omit<
	DockerEngine,
	'facts' | 'imageLabels' | 'build' | 'exec' | 'runAttached'
>;

const listContainers = (
	docker: Docker,
	filters: Record<string, readonly string[]>
): Answer<ContainerSummary[]> =>
	call(async (abortSignal) => {
		const query = { all: true, filters: JSON.stringify(filters), abortSignal };
		const found: unknown = await docker.listContainers(query);
		return listSchema.parse(found).map(({ Id, Names, Labels, State, Created }) => ({
			id: Id,
			name: Names?.[0]?.replace(/^\//, '') ?? Id.slice(0, 12),
			labels: Labels,
			running: State === 'running' || State === 'paused',
			createdMs: Created * 1_000
		}));
	});

/** What is asked about containers. */
const containerCalls = (docker: Docker): ContainerCalls => {
	const container = (id: string): Docker.Container => docker.getContainer(id);
	return {
		create: (name, options, signal) =>
			call(async (abortSignal) => {
				const named = name === null ? options : { ...options, name };
				return (await docker.createContainer(withSignal(named, abortSignal))).id;
			}, signal),
		start: (id, signal) =>
			call(async (abortSignal) => {
				await container(id).start(withSignal({}, abortSignal));
			}, signal),
		inspect: (id) =>
			call(async (abortSignal) => {
				const found: unknown = await container(id).inspect(withSignal({}, abortSignal));
				const { Id, Config, State } = inspectSchema.parse(found);
				return {
					...{ id: Id, labels: Config.Labels, status: State.Status, running: State.Running },
					...{ exitCode: State.ExitCode, oomKilled: State.OOMKilled },
					finishedAtMs: timeOf(State.FinishedAt)
				};
			}),
		happenings: (id, fromMs, untilMs) =>
			call(async (abortSignal) => {
				const asker = docker as unknown as Asker;
				const stream = await asker.getEvents({
					since: String(fromMs / 1_000),
					until: String(untilMs / 1_000),
					filters: JSON.stringify({ type: ['container'], container: [id] }),
					abortSignal
				});
				let text = '';
				for await (const chunk of stream) text += String(chunk);
				const lines = text.split('\n').filter((line) => line.trim() !== '');
				return lines.map((line) => eventSchema.parse(JSON.parse(line)).Action);
			}),
		waitUntilStopped: (id, signal) =>
			call(
				async (abortSignal) => {
					await container(id).wait(withSignal({ condition: 'not-running' as const }, abortSignal));
				},
				signal,
				null
			),
		kill: (id, signal) =>
			call(async (abortSignal) => {
				await container(id).kill(withSignal({ signal }, abortSignal));
			}),
		unpause: (id) =>
			call(async (abortSignal) => {
				await container(id).unpause(withSignal({}, abortSignal));
			}),
		remove: (id) =>
			call(async (abortSignal) => {
				await container(id).remove(withSignal({ force: true, v: true }, abortSignal));
			}),
		logs: (id, maxLines) =>
			call(async (abortSignal) => {
				const streams = { follow: false as const, stdout: true, stderr: true, tail: maxLines };
				return (await container(id).logs(withSignal(streams, abortSignal))) as unknown as Buffer;
			}),
		list: (labels) => listContainers(docker, { label: labels }),
		listNamed: (name) => listContainers(docker, { name: [name] })
	};
};

/** What is asked of an engine, over a connection to it. */
export const engineOver = (docker: Docker): DockerEngine => ({
	...engineCalls(docker),
	...containerCalls(docker),
	exec: (id, options, signal) => attachExec(docker, id, options, signal),
	runAttached: (options, hasInput, signal) => attachRun(docker, options, hasInput, signal)
});
