/**
 * The built app as a person has it: `node build` with a home of its own, its link read from what it
 * prints, and the API with the token from its file. It can be killed and started again.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { Repo } from '@agent-manager/protocol/repo.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import { copyDatabaseTemplate } from './database-template.ts';

const ROOT = new URL('../..', import.meta.url).pathname;
const START_TIMEOUT_MS = 120_000;
const POLL_MS = 50;

export interface ApiAnswer {
	status: number;
	// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each test knows what it asked for
	body: any;
}

/** Looks again until it is so; what is waited for has no signal that a test could hear. */
export const until = async <T>(
	look: () => Promise<T | null | undefined | false>,
	what: string,
	timeoutMs = 60_000
): Promise<T> => {
	const end = Date.now() + timeoutMs;
	for (;;) {
		const found = await look();
		if (found) return found;
		if (Date.now() > end) throw new Error(`timed out: ${what}`);
		await new Promise((resolve) => setTimeout(resolve, POLL_MS));
	}
};

export class TestApp {
	readonly home: string;
	readonly env: Record<string, string>;
	/** The folder whose `build` is run: the project's, or a changed copy of it. */
	root: string;
	/** What Node runs there. */
	program = 'build';
	origin = '';
	/** The link that signs a browser in. */
	link = '';
	output = '';
	#child: ChildProcess | null = null;

	/** `home`: of another one, for a second manager of the same workspace. */
	constructor(env: Record<string, string> = {}, { root = ROOT, home = '' } = {}) {
		this.home = home === '' ? mkdtempSync(join(tmpdir(), 'am-home-')) : home;
		this.env = env;
		this.root = root;
	}

	get workspace(): string {
		return this.env.WORKSPACE_ROOT ?? join(this.home, '.agent-manager');
	}

	get token(): string {
		return readFileSync(join(this.workspace, 'token'), 'utf8').trim();
	}

	get pid(): number {
		return this.#child?.pid ?? 0;
	}

	get isRunning(): boolean {
		return this.#child !== null && this.#child.exitCode === null && this.#child.signalCode === null;
	}

	get exitCode(): number | null {
		return this.#child?.exitCode ?? null;
	}

	/** Starts it and comes back when it serves. */
	async start(): Promise<this> {
		this.launch();
		return this.whenReady();
	}

	/** Starts it where another one leads, and waits until it says so. */
	async startAsStandby(): Promise<this> {
		this.launch();
		this.origin = await this.#untilSaid(/This one, at (http\S+), waits/, 'that it waits');
		return this;
	}

	/** Halts it, as a machine that has no time for it. */
	freeze(): void {
		this.#child?.kill('SIGSTOP');
	}

	thaw(): void {
		this.#child?.kill('SIGCONT');
	}

	/** How it ended: its exit code, or the signal. */
	async ended(): Promise<number | NodeJS.Signals | null> {
		const child = this.#child;
		if (child && this.isRunning) await new Promise((resolve) => child.once('exit', resolve));
		return child?.exitCode ?? child?.signalCode ?? null;
	}

	/** Starts it and does not wait. */
	launch(): void {
		mkdirSync(this.home, { recursive: true });
		if (!this.env.DATABASE_URL) copyDatabaseTemplate(this.workspace);
		const keep = ['PATH', 'LANG', 'TMPDIR', 'DOCKER_HOST', 'NODE_EXTRA_CA_CERTS'];
		const inherited = Object.fromEntries(
			keep.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : []))
		);
		const child = spawn(process.execPath, [this.program], {
			cwd: this.root,
			stdio: ['ignore', 'pipe', 'pipe'],
			env: {
				...inherited,
				HOME: this.home,
				PORT: new URL(this.origin || 'http://x:0').port || '0',
				MODEL_UPSTREAM: 'demo',
				MAX_RUNNING_SESSIONS: '0',
				...this.env
			}
		});
		this.#child = child;
		this.output = '';
		for (const stream of [child.stdout, child.stderr]) {
			stream.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
		}
	}

	async whenReady(timeoutMs = START_TIMEOUT_MS): Promise<this> {
		this.link = await this.#untilSaid(/ready:\s+(http\S+)/, 'the app’s link', timeoutMs);
		this.origin = new URL(this.link).origin;
		return this;
	}

	#untilSaid(words: RegExp, what: string, timeoutMs = START_TIMEOUT_MS): Promise<string> {
		return until(
			async () => {
				const said = words.exec(this.output)?.[1];
				if (!said && !this.isRunning) throw new Error(`the app ended: ${this.output}`);
				return said;
			},
			what,
			timeoutMs
		);
	}

	/** Ends the app as a power cut would: nothing is said to it. */
	async kill(): Promise<void> {
		await this.#end('SIGKILL');
	}

	async stop(): Promise<void> {
		await this.#end('SIGTERM');
	}

	/** Stops every session and the app, and removes its home. */
	async remove(): Promise<void> {
		const { body } = await this.api('GET', '/api/repos').catch(() => ({ body: null }));
		for (const { id } of (body?.repos ?? []) as Repo[])
			await this.api('DELETE', `/api/repos/${id}?force=true`);
		await this.stop();
		rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
	}

	async api(
		method: string,
		path: string,
		body?: unknown,
		headers: Record<string, string> = {}
	): Promise<ApiAnswer> {
		const response = await fetch(this.origin + path, {
			method,
			headers: {
				authorization: `Bearer ${this.token}`,
				// One that is kept may be of a process that was killed since.
				connection: 'close',
				...(body === undefined ? {} : { 'content-type': 'application/json' }),
				...headers
			},
			body: body === undefined ? undefined : JSON.stringify(body)
		});
		const text = await response.text();
		return { status: response.status, body: text === '' ? null : JSON.parse(text) };
	}

	/** Registers a repo and waits for its clone. */
	async addRepo(url: string): Promise<Repo> {
		const { status, body } = await this.api('POST', '/api/repos', { url });
		if (status !== 201) throw new Error(JSON.stringify(body));
		return until(async () => {
			const { repo } = (await this.api('GET', `/api/repos/${body.repo.id}`)).body as { repo: Repo };
			return repo.status === 'cloning' ? null : repo;
		}, 'the clone');
	}

	async startSession(repoId: string, goalPrompt: string, more: object = {}): Promise<Session> {
		const { status, body } = await this.api('POST', `/api/repos/${repoId}/sessions`, {
			goalPrompt,
			...more
		});
		if (status !== 201) throw new Error(JSON.stringify(body));
		return body.session as Session;
	}

	async session(id: string): Promise<Session> {
		return (await this.api('GET', `/api/sessions/${id}`)).body.session as Session;
	}

	sessionWhere(
		id: string,
		is: (session: Session) => boolean,
		what: string,
		timeoutMs?: number
	): Promise<Session> {
		return until(
			async () => {
				const session = await this.session(id).catch(() => null);
				return session && is(session) ? session : null;
			},
			what,
			timeoutMs
		);
	}

	/** The whole log, read page by page. */
	async events(id: string): Promise<SessionEvent[]> {
		const all: SessionEvent[] = [];
		for (;;) {
			const path = `/api/sessions/${id}/events?after=${all.at(-1)?.seq ?? 0}&limit=1000`;
			const { body } = await this.api('GET', path);
			all.push(...(body.events as SessionEvent[]));
			if (!body.hasMore) return all;
		}
	}

	async #end(signal: NodeJS.Signals): Promise<void> {
		const child = this.#child;
		if (!child || child.exitCode !== null || child.signalCode !== null) return;
		const ended = new Promise((resolve) => child.once('exit', resolve));
		child.kill(signal);
		await ended;
	}
}
