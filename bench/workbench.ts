/**
 * What the figures share: a temporary folder, a small repository, the demo model in a process of its
 * own, and a list of what has to be ended. Both sides of a comparison talk to the same demo model.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { runProgram } from '../scripts/run-program.mjs';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

const GIT_USER = ['-c', 'user.name=Bench', '-c', 'user.email=bench@example.invalid'];
const REPO_FILES = 200;

/** The first line of a process's output that the pattern finds. Rejects when it ends before. */
export const waitForLine = (child: ChildProcess, pattern: RegExp): Promise<RegExpExecArray> =>
	new Promise((resolve, reject) => {
		if (!child.stdout) throw new Error('the output is not piped');
		const said: string[] = [];
		const lines = createInterface({ input: child.stdout });
		lines.on('line', (line) => {
			said.push(line);
			const found = pattern.exec(line);
			if (found) resolve(found);
		});
		child.once('exit', (code) =>
			reject(new Error(`ended with ${code} before it was ready: ${said.slice(-5).join(' · ')}`))
		);
	});

/** A program of this folder that takes its settings as JSON in its first argument. */
export const runBenchProgram = (program: string, settings: object): ChildProcess =>
	spawn(process.execPath, [join(ROOT, 'bench', program), JSON.stringify(settings)], {
		stdio: ['ignore', 'pipe', 'inherit']
	});

export class Workbench {
	readonly folder: string;
	readonly repoPath: string;
	/** `ANTHROPIC_BASE_URL` of the demo model. */
	readonly modelUrl: string;
	/** Progress for a person. */
	readonly say: (text: string) => void;
	readonly #ends: (() => Promise<unknown>)[] = [];
	#count = 0;

	constructor(parts: {
		folder: string;
		repoPath: string;
		modelUrl: string;
		say: Workbench['say'];
	}) {
		this.folder = parts.folder;
		this.repoPath = parts.repoPath;
		this.modelUrl = parts.modelUrl;
		this.say = parts.say;
	}

	/** Ends things in the opposite order of their beginnings. */
	onEnd(end: () => Promise<unknown>): void {
		this.#ends.unshift(end);
	}

	async makeFolder(name: string): Promise<string> {
		const path = join(this.folder, `${name}-${++this.#count}`);
		await mkdir(path, { mode: 0o755 });
		return path;
	}

	/** A checkout of the repository for a process that gets none from us. */
	async cloneRepo(): Promise<string> {
		const path = await this.makeFolder('clone');
		await runProgram('git', ['clone', '--quiet', '--local', this.repoPath, path], { quiet: true });
		return path;
	}

	async end(): Promise<void> {
		for (const end of this.#ends) await end().catch(() => undefined);
		await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
	}
}

const makeRepo = async (path: string): Promise<void> => {
	await mkdir(path);
	for (let index = 0; index < REPO_FILES; index += 1) {
		await writeFile(join(path, `file-${index}.txt`), `line of file ${index}\n`.repeat(50));
	}
	const git = (...args: string[]) =>
		runProgram('git', ['-C', path, ...GIT_USER, ...args], { quiet: true });
	await git('init', '--quiet', '--initial-branch=main');
	await git('add', '.');
	await git('commit', '--quiet', '--message=Begin');
};

export const endProcess = async (child: ChildProcess, graceMs = 10_000): Promise<void> => {
	if (child.exitCode !== null || child.signalCode !== null) return;
	const ended = once(child, 'exit');
	child.kill('SIGTERM');
	const killer = setTimeout(() => child.kill('SIGKILL'), graceMs);
	await ended;
	clearTimeout(killer);
};

export const openWorkbench = async (say: (text: string) => void): Promise<Workbench> => {
	const folder = await mkdtemp(join(tmpdir(), 'am-bench-'));
	// Sandboxes of a root manager run as another user, who has to get in.
	await chmod(folder, 0o755);
	const repoPath = join(folder, 'repo');
	await makeRepo(repoPath);
	const model = spawn(
		process.execPath,
		['--import', 'tsx', join(ROOT, 'scripts', 'demo-model.mjs')],
		{ cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] }
	);
	const [modelUrl] = await waitForLine(model, /^http:\S+/);
	const bench = new Workbench({ folder, repoPath, modelUrl, say });
	bench.onEnd(() => endProcess(model));
	return bench;
};
