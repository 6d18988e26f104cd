/**
 * Mode, model and effort of a living agent, as a person changes them. One change after the other; what the
 * agent refuses stays as it was, and is said.
 */
import type { PermissionMode as SdkMode, Query } from '@anthropic-ai/claude-agent-sdk/core';
import type { PermissionMode } from '@agent-manager/protocol/session.ts';
import type { AgentOptions, RunnerCommand } from '@agent-manager/protocol/runner-frames.ts';
import { errorText } from './log.ts';
import type { RunnerRecords } from './runner-records.ts';

/** What Claude Code calls our modes. */
export const SDK_MODE: Record<PermissionMode, SdkMode> = {
	full: 'bypassPermissions',
	accept_edits: 'acceptEdits',
	ask: 'default',
	plan: 'plan'
};

type Configured = Pick<AgentOptions, 'permissionMode' | 'model' | 'effort'>;
export type ConfigureCommand = Extract<RunnerCommand, { type: 'configure' }>;
type Agent = Pick<Query, 'setPermissionMode' | 'setModel' | 'applyFlagSettings'>;

export class Configuration {
	readonly #agent: Agent;
	readonly #records: RunnerRecords;
	#now: Configured;
	#turn: Promise<void> = Promise.resolve();

	constructor(agent: Agent, records: RunnerRecords, started: Configured) {
		this.#agent = agent;
		this.#records = records;
		this.#now = { ...started };
	}

	/** Resolves when it is so, or was refused. Never rejects. */
	apply(command: ConfigureCommand): Promise<void> {
		this.#turn = this.#turn.then(() => this.#applyNow(command));
		return this.#turn;
	}

	/** The agent changed its mode along with a plan's approval. */
	modeIs(permissionMode: PermissionMode): void {
		this.#now.permissionMode = permissionMode;
	}

	async #applyNow({
		commandId,
		permissionMode,
		model,
		effort
	}: Configured & { commandId: string }) {
		const now = this.#now;
		try {
			if (permissionMode !== now.permissionMode) {
				await this.#agent.setPermissionMode(SDK_MODE[permissionMode]);
				now.permissionMode = permissionMode;
			}
			if (model !== now.model) {
				await this.#agent.setModel(model ?? undefined);
				now.model = model;
			}
			if (effort !== now.effort) {
				await this.#agent.applyFlagSettings({ effortLevel: effort });
				now.effort = effort;
			}
		} catch (error) {
			const message = errorText(error).slice(0, MESSAGE_MAX_CHARS);
			this.#records.append('runner.configuration_refused', {
				commandId,
				message,
				model: now.model,
				effort: now.effort
			});
		}
	}
}

const MESSAGE_MAX_CHARS = 1_000;
