/**
 * Stands between the app in its container and the engine, whose socket is as good as root on the machine. Lets
 * through what `engine-rules.ts` allows, for containers of this stack only, and writes each request anew.
 */
import { realpath } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { checkedContainer, checkedExec, Refused, type SandboxRules } from './container-options.ts';
import { readBody, readContainer, readExec, type EngineClient } from './engine-client.ts';
import { allowedCall, type AllowedCall, type Grant } from './engine-rules.ts';

const MAX_BODY_BYTES = 4 << 20;
/** dockerode repeats a container's options in the address. */
const MAX_HEADER_BYTES = 4 << 20;
const UPGRADED = 'HTTP/1.1 101 UPGRADED\r\nconnection: Upgrade\r\nupgrade: tcp\r\n\r\n';

export interface ProxyOptions {
	engine: EngineClient;
	rules: SandboxRules;
	grant: Grant;
	/** How the engine's socket is called, for people. */
	socketName: string;
	/** One line for each call that was refused, or that the engine did not take. */
	say(line: string): void;
}

/** An answer other than the engine's own to the call. */
class Instead extends Error {
	readonly status: number;
	readonly body: string;

	constructor(status: number, body: string) {
		super(body);
		this.status = status;
		this.body = body;
	}
}

const asEngineSays = (message: string): string => `${JSON.stringify({ message })}\n`;

/** A link in the way would lead a mount out of the workspace. */
const checkMounts = async (mounts: readonly { Source: string }[]): Promise<void> => {
	for (const { Source } of mounts) {
		const real = await realpath(Source).catch(() => null);
		if (real !== Source) throw new Refused(`the mount of ${Source}: a link, or not there`);
	}
};

/** The full id of the container that the call is about; only one of this stack. */
const findSubject = async (
	about: NonNullable<AllowedCall['about']>,
	starts: boolean,
	{ engine, rules }: ProxyOptions
): Promise<string> => {
	let ref = 'container' in about ? about.container : '';
	if ('exec' in about) {
		const exec = await engine.ask(`/exec/${about.exec}/json`);
		if (exec.status !== 200) throw new Instead(exec.status, exec.body);
		ref = readExec(exec.body);
	}
	const { status, body } = await engine.ask(`/containers/${ref}/json`);
	if (status !== 200) throw new Instead(status, body);
	const { id, stack, mounts } = readContainer(body);
	if (stack !== rules.workspace) throw new Refused('the container is not of this stack');
	if (starts) await checkMounts(mounts);
	return id;
};

const parseJson = (text: string | null): unknown => {
	try {
		return JSON.parse(text ?? '');
	} catch {
		throw new Refused('the body is no JSON, or too large');
	}
};

/** What goes to the engine as the body; null: nothing, or the files as they come. */
const bodyOf = async (
	call: AllowedCall,
	request: IncomingMessage,
	{ rules }: ProxyOptions
): Promise<string | null> => {
	if (call.hijack)
		return call.about && 'exec' in call.about ? '{"Detach":false,"Tty":false}' : null;
	if (call.body === 'none' || call.body === 'files') return null;
	const asked = parseJson(await readBody(request, MAX_BODY_BYTES));
	if (call.body === 'exec') return JSON.stringify(checkedExec(asked, rules));
	const { options, mounts } = checkedContainer(asked, call.name, rules);
	await checkMounts(mounts);
	return JSON.stringify(options);
};

const headersOf = (call: AllowedCall, body: string | null): Record<string, string> => ({
	...(call.body === 'files' ? { 'content-type': 'application/x-tar' } : {}),
	...(body === null
		? {}
		: { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
	...(call.hijack ? { connection: 'Upgrade', upgrade: 'tcp' } : {})
});

/** Why it went wrong, as an answer: 403 by our rules, 502 where the engine is not there. */
const failureOf = (
	error: unknown,
	{ method, url }: IncomingMessage,
	options: ProxyOptions
): Instead => {
	if (error instanceof Instead) return error;
	const call = `${method ?? ''} ${(url ?? '').split('?', 1)[0]?.slice(0, 200) ?? ''}`;
	const why = error instanceof Error ? error.message : String(error);
	if (error instanceof Refused) {
		options.say(`refused ${call}: ${why}`);
		return new Instead(403, asEngineSays(`The proxy of the engine refuses ${call}: ${why}.`));
	}
	options.say(`the engine did not take ${call}: ${why}`);
	const hint = 'DOCKER_SOCKET names the socket; `docker context inspect` shows it.';
	const words = `The Docker engine does not answer at ${options.socketName} (${why}). ${hint}`;
	return new Instead(502, asEngineSays(words));
};

const relay = async (
	request: IncomingMessage,
	response: ServerResponse,
	options: ProxyOptions
): Promise<void> => {
	const { method = '', url = '' } = request;
	const call = allowedCall(method, url, options.grant, options.rules);
	if (call.hijack) throw new Refused('it takes the connection over, and has to ask for that');
	const id = call.about ? await findSubject(call.about, call.starts, options) : '';
	const body = await bodyOf(call, request, options);
	await new Promise<void>((resolve, reject) => {
		const onward = options.engine.open(method, call.path(id), headersOf(call, body));
		onward.on('error', reject);
		response.on('close', () => {
			onward.destroy();
			resolve();
		});
		onward.on('response', (answer) => {
			response.writeHead(answer.statusCode ?? 502, {
				'content-type': answer.headers['content-type'] ?? 'application/json'
			});
			// Events and logs come when they come.
			response.flushHeaders();
			answer.on('error', () => response.destroy());
			answer.pipe(response);
		});
		if (call.body === 'files') request.pipe(onward);
		else onward.end(body ?? undefined);
	});
};

/** The bytes after the headers: the body, which nobody needs, and after it what is for the program already. */
const inputAfterBody = async (
	request: IncomingMessage,
	socket: Duplex,
	head: Buffer
): Promise<Buffer> => {
	const length = Number(request.headers['content-length'] ?? 0);
	if (request.headers['transfer-encoding'] !== undefined || !(length <= MAX_BODY_BYTES)) {
		throw new Refused('a body of no known length');
	}
	let got = head;
	while (got.length < length) {
		const chunk = await new Promise<Buffer>((resolve, reject) => {
			socket.once('data', resolve);
			socket.once('close', () => reject(new Refused('the body ended early')));
		});
		socket.pause();
		got = Buffer.concat([got, chunk]);
	}
	return got.subarray(length);
};

/** Bytes go both ways only once the engine has left HTTP: before that, they could be a request of their own. */
const relayHijacked = async (
	request: IncomingMessage,
	socket: Duplex,
	head: Buffer,
	options: ProxyOptions
): Promise<void> => {
	const { method = '', url = '' } = request;
	const call = allowedCall(method, url, options.grant, options.rules);
	if (!call.hijack || request.headers.upgrade !== 'tcp')
		throw new Refused('it takes no connection over');
	const early = await inputAfterBody(request, socket, head);
	const id = call.about ? await findSubject(call.about, false, options) : '';
	const body = await bodyOf(call, request, options);
	await new Promise<void>((resolve, reject) => {
		const onward = options.engine.open(method, call.path(id), headersOf(call, body));
		onward.on('error', reject);
		socket.on('close', () => {
			onward.destroy();
			resolve();
		});
		onward.on('response', (answer) => {
			void readBody(answer, MAX_BODY_BYTES).then(
				(text) => reject(new Instead(answer.statusCode ?? 502, text ?? '')),
				reject
			);
		});
		onward.on('upgrade', (_answer, program: Duplex, first: Buffer) => {
			program.on('error', () => socket.destroy());
			program.on('close', () => socket.end());
			socket.on('close', () => program.destroy());
			socket.write(UPGRADED);
			if (first.length > 0) socket.write(first);
			if (early.length > 0) program.write(early);
			socket.pipe(program);
			program.pipe(socket);
		});
		onward.end(body ?? undefined);
	});
};

const answerInstead = (socket: Duplex, { status, body }: Instead): void => {
	const head = `HTTP/1.1 ${status} No\r\ncontent-type: application/json\r\nconnection: close`;
	socket.end(`${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
};

export const createEngineProxy = (options: ProxyOptions): Server => {
	const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES, requestTimeout: 0 });
	server.on('request', (request: IncomingMessage, response: ServerResponse) => {
		relay(request, response, options).catch((error: unknown) => {
			const { status, body } = failureOf(error, request, options);
			if (response.headersSent) return response.destroy();
			// What is left of its body is not waited for.
			response.writeHead(status, { 'content-type': 'application/json', connection: 'close' });
			return response.end(body);
		});
	});
	server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
		socket.on('error', () => socket.destroy());
		relayHijacked(request, socket, head, options).catch((error: unknown) =>
			answerInstead(socket, failureOf(error, request, options))
		);
	});
	return server;
};
