/**
 * What the agent asks a person: leave for a tool call, an answer, a plan's approval. A request is a
 * record; it stays open until it is decided, its turn is interrupted, or the agent ends.
 */
import type {
	CanUseTool,
	PermissionResult,
	PermissionRuleValue,
	PermissionUpdate
} from '@anthropic-ai/claude-agent-sdk/core';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import type { RunnerCommand } from '@agent-manager/protocol/runner-frames.ts';
import type { PermissionMode } from '@agent-manager/protocol/session.ts';
import type { CommandLog } from './command-log.ts';
import { SDK_MODE } from './configuration.ts';
import type { RunnerRecords } from './runner-records.ts';

type Kind = 'approval' | 'question' | 'plan';
type Outcome = 'allowed' | 'denied' | 'withdrawn';
type AskOptions = Parameters<CanUseTool>[2];
type Decide = Extract<RunnerCommand, { type: 'decide' }>;

interface Pending {
	kind: Kind;
	input: JsonObject;
	settle: (outcome: Outcome, result: PermissionResult) => void;
}

const kindOf = (toolName: string): Kind =>
	toolName === 'AskUserQuestion' ? 'question' : toolName === 'ExitPlanMode' ? 'plan' : 'approval';

/** As it writes a rule: the tool, and in brackets what of it. */
const ruleText = ({ toolName, ruleContent }: PermissionRuleValue): string =>
	ruleContent === undefined ? toolName : `${toolName}(${ruleContent})`;

/**
 * What the agent says of rules for it. It would write them into settings of the repo: they are passed on as
 * words only, and the manager keeps its own.
 */
const rulesOf = ({
	suggestions = [],
	suppressAlwaysAllowRule,
	defaultToNo
}: AskOptions): JsonObject => {
	const rules = suggestions.flatMap((update) =>
		update.type === 'addRules' && update.behavior === 'allow' ? update.rules : []
	);
	return {
		...(rules.length > 0 && { suggestedRules: rules.map(ruleText) }),
		...(suppressAlwaysAllowRule && { noRule: true }),
		...(defaultToNo && { askTwice: true })
	};
};

const DENIED: Record<Kind, string> = {
	approval: 'The user does not want this to be done.',
	question: 'The user did not answer.',
	plan: 'The user does not agree with this plan.'
};

export class Approvals {
	readonly #pending = new Map<string, Pending>();
	readonly #records: RunnerRecords;
	readonly #log: CommandLog;
	readonly #newId: () => string;
	/** Told when a plan's approval changes the mode. */
	onMode: (mode: PermissionMode) => void = () => undefined;

	constructor(records: RunnerRecords, log: CommandLog, newId: () => string) {
		this.#records = records;
		this.#log = log;
		this.#newId = newId;
	}

	/** The SDK's `canUseTool`. */
	readonly ask: CanUseTool = (toolName, input, options) => {
		const requestId = this.#newId();
		const kind = kindOf(toolName);
		const n = this.#records.append('runner.approval_requested', {
			requestId,
			kind,
			toolName,
			toolUseId: options.toolUseID,
			input,
			title: options.title ?? options.displayName ?? null,
			description: options.description ?? null,
			reason: options.decisionReason ?? null,
			agentId: options.agentID ?? null,
			...rulesOf(options)
		});
		this.#log.note({ step: 'asked', requestId, n });
		return new Promise((resolve) => {
			const settle = (outcome: Outcome, result: PermissionResult): void => {
				if (!this.#pending.delete(requestId)) return;
				const resolvedN = this.#records.append('runner.approval_resolved', { requestId, outcome });
				this.#log.note({ step: 'resolved', requestId, n: resolvedN, outcome });
				resolve(result);
			};
			this.#pending.set(requestId, { kind, input, settle });
			const withdraw = (): void =>
				settle('withdrawn', { behavior: 'deny', message: 'The request was withdrawn.' });
			if (options.signal.aborted) withdraw();
			else options.signal.addEventListener('abort', withdraw, { once: true });
		});
	};

	/** False when the request is not open (any more): there is nothing to decide. */
	decide(command: Decide): boolean {
		const pending = this.#pending.get(command.requestId);
		if (!pending) return false;
		if (command.decision === 'deny') {
			const message = command.message?.trim() || DENIED[pending.kind];
			pending.settle('denied', { behavior: 'deny', message });
			return true;
		}
		const { kind, input } = pending;
		const changed = command.updatedInput;
		// An answer or a plan may come without what it belongs to.
		const updatedInput = changed
			? kind === 'approval'
				? changed
				: { ...input, ...changed }
			: input;
		pending.settle('allowed', {
			behavior: 'allow',
			updatedInput,
			...(kind === 'plan' && this.#goOnIn(command.permissionMode))
		});
		return true;
	}

	#goOnIn(mode: PermissionMode | undefined): { updatedPermissions?: PermissionUpdate[] } {
		if (!mode) return {};
		this.onMode(mode);
		return {
			updatedPermissions: [{ type: 'setMode', mode: SDK_MODE[mode], destination: 'session' }]
		};
	}

	/** The agent is gone: nobody waits for an answer. */
	withdrawAll(): void {
		for (const pending of [...this.#pending.values()]) {
			pending.settle('withdrawn', { behavior: 'deny', message: 'The agent ended.' });
		}
	}
}
