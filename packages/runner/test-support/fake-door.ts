/**
 * The manager's side of a door, for the runner's tests: keeps what it would commit, acks it, and does
 * wrong what a test tells it to do wrong.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import type { Socket } from 'node:net';
import type {
	AgentOptions,
	ManagerToRunner,
	OutboxRecord,
	RunnerCommand,
	RunnerToManager
} from '@agent-manager/protocol/runner-frames.ts';
import { runnerToManagerSchema } from '@agent-manager/protocol/runner-frames.ts';
import { WebSocketServer, type WebSocket } from 'ws';

type FrameOf<K extends RunnerToManager['kind']> = Extract<RunnerToManager, { kind: K }>;

export class FakeDoor {
	readonly socketPath: string;
	/** What a manager would have in its database. */
	readonly committed: OutboxRecord[] = [];
	readonly frames: RunnerToManager[] = [];
	readonly headers: IncomingMessage['headers'][] = [];
	readonly connects: { url: string; authorization: string | undefined }[] = [];
	/** Records that come while this is false are thrown away, as by a manager that dies before COMMIT. */
	committing = true;
	/** Commits are not acknowledged while this is false. */
	acking = true;
	/** False: as if the manager hung. */
	answerPings = true;
	/** Upgrades are answered with this status while it is set. */
	refuseWith: number | null = null;
	agent: AgentOptions;
	/** What is had at `/attachments/{id}`, by that path. */
	readonly files = new Map<string, Buffer>();
	#commands: RunnerCommand[] = [];
	#takenNum = 0;
	#server: Server | null = null;
	#sockets = new Set<Socket>();
	#connection: WebSocket | null = null;
	#waiters: { check: () => boolean; resolve: () => void }[] = [];
	readonly #model: ((request: IncomingMessage, response: ServerResponse) => void) | undefined;

	constructor(
		socketPath: string,
		agent: AgentOptions,
		model?: (request: IncomingMessage, response: ServerResponse) => void
	) {
		this.socketPath = socketPath;
		this.agent = agent;
		this.#model = model;
	}

	get lastN(): number {
		return this.committed.at(-1)?.n ?? 0;
	}

	async open(): Promise<void> {
		mkdirSync(dirname(this.socketPath), { recursive: true });
		rmSync(this.socketPath, { force: true });
		const server = createServer((request, response) => {
			if (this.#model && request.url?.startsWith('/model/')) this.#model(request, response);
			else
				response
					.writeHead(this.files.has(request.url ?? '') ? 200 : 404)
					.end(this.files.get(request.url ?? ''));
		});
		this.#server = server;
		server.on('connection', (socket) => {
			this.#sockets.add(socket);
			socket.on('close', () => this.#sockets.delete(socket));
		});
		const upgrades = new WebSocketServer({
			noServer: true,
			perMessageDeflate: false,
			autoPong: this.answerPings
		});
		server.on('upgrade', (request, socket, head) => {
			this.headers.push(request.headers);
			if (this.refuseWith !== null) {
				socket.end(`HTTP/1.1 ${this.refuseWith} Refused\r\nConnection: close\r\n\r\n`);
				return;
			}
			upgrades.handleUpgrade(request, socket, head, (webSocket) => this.#accept(webSocket));
		});
		server.on('connect', (request, socket) => {
			const authorization = request.headers['proxy-authorization'];
			this.connects.push({ url: request.url ?? '', authorization });
			socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
			this.#changed();
		});
		await new Promise<void>((resolve) => server.listen(this.socketPath, resolve));
	}

	/** The manager dies. */
	async kill(): Promise<void> {
		const server = this.#server;
		this.#server = null;
		const closed = new Promise<void>((resolve) =>
			server ? server.close(() => resolve()) : resolve()
		);
		for (const socket of this.#sockets) socket.destroy();
		await closed;
	}

	/** Gives the session a command and its number. */
	command(command: RunnerCommand): number {
		const num = this.#commands.push(command);
		this.send({ kind: 'command', num, command });
		return num;
	}

	send(frame: ManagerToRunner): void {
		this.#connection?.send(JSON.stringify(frame));
	}

	/** Ends the runner's connection with a close code. */
	disconnect(code: number): void {
		this.#connection?.close(code);
	}

	/** Resolves when the condition holds; asked again after every frame. */
	until(check: () => boolean): Promise<void> {
		if (check()) return Promise.resolve();
		return new Promise((resolve) => this.#waiters.push({ check, resolve }));
	}

	/** The committed record of a type, `at` counted from 0, as soon as it is there. */
	async record(type: string, at = 0): Promise<OutboxRecord> {
		const find = (): OutboxRecord | undefined =>
			this.committed.filter((record) => record.type === type)[at];
		await this.until(() => find() !== undefined);
		return find() as OutboxRecord;
	}

	framesOf<K extends RunnerToManager['kind']>(kind: K): FrameOf<K>[] {
		return this.frames.filter((frame): frame is FrameOf<K> => frame.kind === kind);
	}

	#accept(connection: WebSocket): void {
		this.#connection = connection;
		connection.on('message', (data) => {
			const text = (data as Buffer).toString('utf8');
			const frame = runnerToManagerSchema.parse(JSON.parse(text));
			this.frames.push(frame);
			this.#take(frame, connection);
			this.#changed();
		});
		connection.on('close', () => {
			if (this.#connection === connection) this.#connection = null;
			this.#changed();
		});
	}

	#take(frame: RunnerToManager, connection: WebSocket): void {
		const reply = (answer: ManagerToRunner): void => connection.send(JSON.stringify(answer));
		if (frame.kind === 'hello') {
			reply({ kind: 'welcome', v: 1, ackedN: this.lastN, agent: this.agent });
			this.#takenNum = Math.max(this.#takenNum, frame.lastCommand);
			for (let num = frame.lastCommand + 1; num <= this.#commands.length; num += 1) {
				const command = this.#commands[num - 1];
				if (command) reply({ kind: 'command', num, command });
			}
		}
		if (frame.kind === 'command_ack') this.#takenNum = Math.max(this.#takenNum, frame.num);
		if (frame.kind !== 'records' || !this.committing) return;
		for (const record of frame.records) {
			if (record.n <= this.lastN) continue;
			if (record.n > this.lastN + 1) {
				reply({ kind: 'nack', expectedN: this.lastN + 1 });
				return;
			}
			this.committed.push(record);
		}
		if (this.acking) reply({ kind: 'ack', n: this.lastN });
	}

	/** Newest command the runner has acknowledged. */
	get takenCommands(): number {
		return this.#takenNum;
	}

	#changed(): void {
		for (const waiter of this.#waiters.filter(({ check }) => check())) waiter.resolve();
		this.#waiters = this.#waiters.filter(({ check }) => !check());
	}
}
