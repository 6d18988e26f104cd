/** A real manager, `node build`, on a folder of its own, with the repository registered. */
import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Browser } from './browser.ts';
import { endProcess, ROOT, waitForLine, type Workbench } from './workbench.ts';

export interface ManagerOptions {
	workspaceRoot: string;
	driver: 'bubblewrap' | 'docker';
	env?: Record<string, string>;
	nodeArguments?: string[];
}

const inheritedEnv = (): NodeJS.ProcessEnv =>
	Object.fromEntries(
		Object.entries(process.env).filter(
			([name]) => !/^(ANTHROPIC_|CLAUDE_|DATABASE_URL$|NODE_OPTIONS$|AUTH$|HOST$)/.test(name)
		)
	);

export class Manager {
	readonly child: ChildProcess;
	readonly origin: string;
	readonly token: string;
	readonly workspaceRoot: string;
	#inspectorUrl: string | null = null;
	readonly #repoIds: string[] = [];

	private constructor(
		child: ChildProcess,
		parts: Pick<Manager, 'origin' | 'token' | 'workspaceRoot'>
	) {
		this.child = child;
		this.origin = parts.origin;
		this.token = parts.token;
		this.workspaceRoot = parts.workspaceRoot;
	}

	get pid(): number {
		if (this.child.pid === undefined) throw new Error('the manager did not start');
		return this.child.pid;
	}

	static spawn(bench: Workbench, options: ManagerOptions): ChildProcess {
		return spawn(process.execPath, [...(options.nodeArguments ?? []), 'build'], {
			cwd: ROOT,
			stdio: ['ignore', 'pipe', 'pipe'],
			env: {
				...inheritedEnv(),
				HOME: bench.folder,
				PORT: '0',
				LOG_LEVEL: 'warn',
				MODEL_UPSTREAM: 'anthropic',
				MAX_RUNNING_SESSIONS: '0',
				ANTHROPIC_BASE_URL: bench.modelUrl,
				ANTHROPIC_API_KEY: 'bench',
				SANDBOX_DRIVER: options.driver,
				WORKSPACE_ROOT: options.workspaceRoot,
				...options.env
			}
		});
	}

	static async start(bench: Workbench, options: ManagerOptions): Promise<Manager> {
		const child = Manager.spawn(bench, options);
		let inspectorUrl: string | null = null;
		child.stderr?.on('data', (chunk: Buffer) => {
			const found = /Debugger listening on (ws:\S+)/.exec(chunk.toString('utf8'));
			if (found) inspectorUrl = found[1] ?? null;
			else if (inspectorUrl === null) process.stderr.write(chunk);
		});
		const found = await waitForLine(child, /(http:\/\/[^/\s]+)/);
		const { workspaceRoot } = options;
		const token = (await readFile(join(workspaceRoot, 'token'), 'utf8')).trim();
		const manager = new Manager(child, { origin: found[1] ?? '', token, workspaceRoot });
		manager.#inspectorUrl = inspectorUrl;
		return manager;
	}

	/** Where its inspector listens; it must have been started with `--inspect`. */
	inspectorUrl(): string {
		if (this.#inspectorUrl === null) throw new Error('the manager has no inspector');
		return this.#inspectorUrl;
	}

	/** One whose workspace is new and that is ended with the bench. */
	static async open(
		bench: Workbench,
		options: Omit<ManagerOptions, 'workspaceRoot'>
	): Promise<Manager> {
		const workspaceRoot = await bench.makeFolder('workspace');
		const manager = await Manager.start(bench, { ...options, workspaceRoot });
		bench.onEnd(() => manager.end());
		return manager;
	}

	async call<T>(method: string, path: string, body?: object): Promise<T> {
		const response = await fetch(`${this.origin}${path}`, {
			method,
			headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
			...(body ? { body: JSON.stringify(body) } : {})
		});
		const text = await response.text();
		if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
		return JSON.parse(text) as T;
	}

	/** Number of the session's newest event. */
	async headOf(id: string): Promise<number> {
		return (await this.call<{ head: number }>('GET', `/api/sessions/${id}/events?limit=1`)).head;
	}

	/** Registers the repository; resolves with its id when sessions can be made from it. */
	async registerRepo(url: string): Promise<string> {
		const { repo } = await this.call<{ repo: { id: string } }>('POST', '/api/repos', { url });
		this.#repoIds.push(repo.id);
		for (;;) {
			const found = await this.call<{ repo: { status: string } }>('GET', `/api/repos/${repo.id}`);
			if (found.repo.status === 'ready') return repo.id;
			if (found.repo.status === 'error') throw new Error('the repo could not be registered');
			await new Promise((resolve) => setTimeout(resolve, 50));
		}
	}

	browse(): Promise<Browser> {
		return Browser.connect(this.origin, this.token);
	}

	/** Sandbox, worktree and branch are gone when it resolves. */
	async purge(sessionId: string): Promise<void> {
		await this.call('DELETE', `/api/sessions/${sessionId}?purge=true`);
		for (;;) {
			const gone = await this.call('GET', `/api/sessions/${sessionId}`).then(
				() => false,
				() => true
			);
			if (gone) return;
			await new Promise((resolve) => setTimeout(resolve, 50));
		}
	}

	/** Sessions outlive a manager: they are purged first. */
	async end(): Promise<void> {
		if (this.child.exitCode !== null) return;
		for (const repoId of this.#repoIds) {
			const { sessions } = await this.call<{ sessions: { id: string }[] }>(
				'GET',
				`/api/repos/${repoId}/sessions`
			);
			await Promise.allSettled(sessions.map(({ id }) => this.purge(id)));
		}
		await endProcess(this.child);
	}
}
