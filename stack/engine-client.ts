/** Requests of the proxy's own to the engine, and the way on for those of others. */
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { z } from 'zod';
import { STACK_LABEL, type Mount } from './container-options.ts';

const QUESTION_TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 4 << 20;

export interface Answer {
	status: number;
	body: string;
}

const inspected = z.object({
	Id: z.string().regex(/^[0-9a-f]{64}$/),
	Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
	HostConfig: z.object({
		Mounts: z.array(z.object({ Source: z.string().catch('') })).nullish()
	})
});

export interface KnownContainer {
	id: string;
	/** Whose it is; null for one that no stack has made. */
	stack: string | null;
	mounts: Pick<Mount, 'Source'>[];
}

export interface EngineClient {
	/** Begins a request; the caller ends it. */
	open(method: string, path: string, headers?: Record<string, string>): ClientRequest;
	/** Rejects when the engine does not answer. */
	ask(path: string): Promise<Answer>;
}

export const readBody = async (from: IncomingMessage, maxBytes: number): Promise<string | null> => {
	const chunks: Buffer[] = [];
	let bytes = 0;
	for await (const chunk of from as AsyncIterable<Buffer>) {
		bytes += chunk.length;
		if (bytes > maxBytes) return null;
		chunks.push(chunk);
	}
	return Buffer.concat(chunks).toString('utf8');
};

/** Each request has a connection of its own: none is left in a state that the next one would meet. */
export const engineAt = (socketPath: string): EngineClient => {
	const open: EngineClient['open'] = (method, path, headers = {}) =>
		request({ socketPath, method, path, agent: false, headers: { host: 'docker', ...headers } });
	return {
		open,
		ask: (path) =>
			new Promise((resolve, reject) => {
				const asking = open('GET', path);
				asking.setTimeout(QUESTION_TIMEOUT_MS, () => asking.destroy(new Error('no answer')));
				asking.on('error', reject);
				asking.on('response', (response) => {
					readBody(response, MAX_ANSWER_BYTES).then((body) => {
						if (body === null) asking.destroy();
						resolve({ status: response.statusCode ?? 0, body: body ?? '' });
					}, reject);
				});
				asking.end();
			})
	};
};

/** What the engine said about a container; throws when that is not of the known form. */
export const readContainer = (body: string): KnownContainer => {
	const { Id, Config, HostConfig } = inspected.parse(JSON.parse(body));
	return { id: Id, stack: Config.Labels?.[STACK_LABEL] ?? null, mounts: HostConfig.Mounts ?? [] };
};

/** Which container an exec is in. */
export const readExec = (body: string): string =>
	z.object({ ContainerID: z.string().regex(/^[0-9a-f]{64}$/) }).parse(JSON.parse(body)).ContainerID;
