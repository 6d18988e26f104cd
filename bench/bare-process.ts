/** The bare agent process, held by its stdin and stdout. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { nowMs } from './clock.mjs';
import { endProcess, ROOT, type Workbench } from './workbench.ts';

/** How a turn went; times in epoch milliseconds. */
export interface Turn {
	firstAt: number | null;
	lastAt: number | null;
	/** When the prompt was handed over. */
	pushedAt: number;
	/** When the client knew that the turn is over. */
	endedAt: number;
	/** Numbered chunks that came. */
	count: number;
	latenciesMs: number[];
}

/** A turn of the bare process, with what it was told meanwhile. */
export interface BareTurn extends Turn {
	/** When its newest tool was allowed; null: it asked for none. */
	allowedAt: number | null;
	interruptedAt: number | null;
	failed: boolean;
}

export interface PreparedBare {
	baseUrl: string;
	worktree: string;
	home: string;
	/** Without it, it asks nobody. */
	permissionMode?: 'default';
}

export class BareProcess {
	readonly child: ChildProcess;
	/** When the process was executed, epoch milliseconds. */
	readonly startedAt: number;
	readonly #turns: BareTurn[] = [];
	#waiter: ((turn: BareTurn) => void) | null = null;
	#failed: (error: Error) => void = () => undefined;

	private constructor(settings: object) {
		this.startedAt = nowMs();
		this.child = spawn(
			process.execPath,
			[
				// It says that full autonomy asks nobody, which is known.
				'--disable-warning=CLAUDE_SDK_CAN_USE_TOOL_SHADOWED',
				join(ROOT, 'bench', 'bare.mjs'),
				JSON.stringify(settings)
			],
			{ cwd: ROOT, stdio: ['pipe', 'pipe', 'inherit'] }
		);
		if (!this.child.stdout) throw new Error('the output is not piped');
		createInterface({ input: this.child.stdout }).on('line', (line) => {
			const turn = JSON.parse(line) as BareTurn;
			if (this.#waiter) this.#waiter(turn);
			else this.#turns.push(turn);
			this.#waiter = null;
		});
		this.child.once('exit', (code) => this.#failed(new Error(`the bare process ended: ${code}`)));
	}

	/** A checkout and a home, so that making them is not measured. */
	static async prepare(bench: Workbench): Promise<PreparedBare> {
		const worktree = await bench.cloneRepo();
		const home = await bench.makeFolder('home');
		return { baseUrl: bench.modelUrl, worktree, home };
	}

	/** Runs the first prompt at once. */
	static exec(prepared: PreparedBare, prompt: string): BareProcess {
		return new BareProcess({ ...prepared, prompt });
	}

	static async start(bench: Workbench, prompt: string): Promise<BareProcess> {
		return BareProcess.exec(await BareProcess.prepare(bench), prompt);
	}

	/** The next turn that has not been asked for; rejects when it failed. */
	async turn(): Promise<BareTurn> {
		const early = this.#turns.shift();
		const turn =
			early ??
			(await new Promise<BareTurn>((resolve, reject) => {
				this.#waiter = resolve;
				this.#failed = reject;
			}));
		if (turn.failed) throw new Error('the bare agent failed');
		return turn;
	}

	/** `interruptAfterMs`: so long after the first word it is stopped. */
	send(prompt: string, interruptAfterMs?: number): Promise<BareTurn> {
		this.child.stdin?.write(`${JSON.stringify({ prompt, interruptAfterMs })}\n`);
		return this.turn();
	}

	async end(): Promise<void> {
		this.#failed = () => undefined;
		await endProcess(this.child, 5_000);
	}
}
