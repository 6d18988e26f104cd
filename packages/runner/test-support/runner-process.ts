/**
 * The real bundle in a real process with the real Claude Code, against a door of the test's own.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Attachment } from '@agent-manager/protocol/attachments.ts';
import type { AgentOptions } from '@agent-manager/protocol/runner-frames.ts';
import { findConversation } from '../src/conversation.ts';
import { FakeDoor } from './fake-door.ts';
import { createScriptedModel, type ScriptedModel } from './scripted-model.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Builds the bundle if its sources changed. */
export const buildBundle = (): void => {
	execFileSync(process.execPath, [join(root, 'scripts', 'build-runner.mjs')], { stdio: 'inherit' });
};

const parentOf = (pid: string): number | null => {
	try {
		const status = readFileSync(`/proc/${pid}/status`, 'utf8');
		return Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1]);
	} catch {
		return null;
	}
};

export class RunnerProcess {
	readonly folder = mkdtempSync(join(tmpdir(), 'runner-'));
	readonly sessionFolder = join(this.folder, 'session');
	readonly worktree = join(this.folder, 'worktree');
	readonly model: ScriptedModel = createScriptedModel();
	readonly door: FakeDoor;
	readonly agent: AgentOptions;
	readonly #sessionId = randomUUID();
	#epoch = 0;
	#child: ChildProcess | null = null;
	#stdout = '';

	constructor(options: Partial<AgentOptions> = {}) {
		this.agent = {
			role: 'implementer',
			model: null,
			effort: null,
			permissionMode: 'full',
			systemPromptAppend: 'Be brief.',
			conversationId: randomUUID(),
			fork: null,
			rewound: null,
			...options
		};
		mkdirSync(this.sessionFolder);
		mkdirSync(this.worktree);
		this.door = new FakeDoor(join(this.folder, 'door', 'door.sock'), this.agent, this.model.handle);
	}

	get stdout(): string {
		return this.#stdout;
	}

	/** Leaves the options where the runner looks for them, so that it starts the agent at once. */
	writeOptions(): void {
		writeFileSync(join(this.sessionFolder, 'agent-options.json'), JSON.stringify(this.agent));
	}

	start(env: Record<string, string> = {}): void {
		this.#epoch += 1;
		const child = spawn(process.execPath, [join(root, 'docker', 'agent-ws-client.js')], {
			env: {
				PATH: process.env.PATH,
				AGENT_MANAGER_SESSION: this.#sessionId,
				AGENT_MANAGER_EPOCH: String(this.#epoch),
				AGENT_MANAGER_TOKEN: 'session-token',
				AGENT_MANAGER_DOOR: this.door.socketPath,
				AGENT_MANAGER_SESSION_FOLDER: this.sessionFolder,
				AGENT_MANAGER_WORKTREE: this.worktree,
				...env
			},
			// Its own group, so that a kill takes the agent with it, as the end of a sandbox does.
			detached: true,
			stdio: ['ignore', 'pipe', 'inherit']
		});
		child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.#stdout += text));
		this.#child = child;
	}

	/** Sends a message; its id is the command's. */
	say(text: string, more: { steer?: boolean; attachments?: Attachment[] } = {}): string {
		const commandId = randomUUID();
		this.door.command({ type: 'message', commandId, text, ...more });
		return commandId;
	}

	/** Resolves when the message is in the agent's own queue. */
	agentHas(commandId: string): Promise<void> {
		return this.door.until(() =>
			this.door.committed.some(
				({ type, payload }) =>
					type === 'claude.command_lifecycle' && payload.command_uuid === commandId
			)
		);
	}

	signal(signal: NodeJS.Signals): void {
		this.#child?.kill(signal);
	}

	/** Signals the agent alone: the processes whose parent the runner is. */
	signalAgent(signal: NodeJS.Signals): void {
		const parent = this.#child?.pid;
		for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
			if (parentOf(pid) === parent) process.kill(Number(pid), signal);
		}
	}

	/** The sandbox dies: the runner and all it started, at once. */
	async killSandbox(): Promise<void> {
		const child = this.#child;
		if (!child?.pid || child.exitCode !== null) return;
		const gone = once(child, 'exit');
		process.kill(-child.pid, 'SIGKILL');
		await gone;
	}

	/** What Claude Code has written down of the conversation. */
	conversation(): string {
		const path = this.#conversationPath();
		return path === null ? '' : readFileSync(path, 'utf8');
	}

	loseConversation(): void {
		const path = this.#conversationPath();
		if (path !== null) rmSync(path);
	}

	#conversationPath(): string | null {
		return findConversation(join(this.sessionFolder, 'claude'), this.agent.conversationId);
	}

	async exited(): Promise<number | null> {
		const child = this.#child;
		if (!child || child.exitCode !== null) return child?.exitCode ?? null;
		const [code] = (await once(child, 'exit')) as [number | null];
		return code;
	}

	/** Types of the committed records, without the SDK's small talk. */
	types(): string[] {
		const chatter = /^(claude\.(command_lifecycle|system\.)|runner\.offered$)/;
		return this.door.committed.map(({ type }) => type).filter((type) => !chatter.test(type));
	}

	async dispose(): Promise<void> {
		await this.killSandbox();
		await this.door.kill();
		rmSync(this.folder, { recursive: true, force: true });
	}
}
