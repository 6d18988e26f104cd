/** The rest of `claude.*`: retries, compaction, sub-agents' progress, limits, what is unknown. */
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { cleanLine } from './clean-text.ts';
import { numberAt, objectAt, textAt, textsAt, type Loose } from './loose-json.ts';
import type { SubAgent } from './transcript-blocks.ts';
import { retract } from './transcript-assistant.ts';
import { retryReason } from './transcript-failures.ts';
import { deliverMessage } from './transcript-messages.ts';
import {
	addBlock,
	blockAt,
	replaceBlock,
	toolAt,
	type TranscriptState
} from './transcript-state.ts';
import { addDivider, addNotice, eventKey } from './transcript-turns.ts';

type Fold = (state: TranscriptState, event: SessionEvent, payload: Loose) => void;

const foldRetry: Fold = (state, event, payload) => {
	const known = state.retryKey === null ? null : blockAt(state, state.retryKey);
	const key = known?.kind === 'retry' ? known.key : eventKey(event);
	state.retryKey = key;
	addBlock(
		state,
		{
			kind: 'retry',
			key,
			seq: known?.seq ?? event.seq,
			ts: event.ts,
			attempt: numberAt(payload, 'attempt') ?? 1,
			maxRetries: numberAt(payload, 'max_retries'),
			delayMs: numberAt(payload, 'retry_delay_ms'),
			reason: retryReason(textAt(payload, 'error'), numberAt(payload, 'error_status')),
			outcome: 'retrying'
		},
		null
	);
};

const thousands = (tokens: number): string =>
	tokens < 1000 ? String(tokens) : `${Math.round(tokens / 1000)}k`;

const foldCompaction: Fold = (state, event, payload) => {
	const metadata = objectAt(payload, 'compact_metadata');
	const before = numberAt(metadata, 'pre_tokens');
	const after = numberAt(metadata, 'post_tokens');
	const sizes =
		before === null
			? ''
			: after === null
				? `, ${thousands(before)} tokens before`
				: `, ${thousands(before)} → ${thousands(after)} tokens`;
	state.compactingSince = null;
	addDivider(state, event, `Conversation summarised${sizes}`);
};

const foldStatus: Fold = (state, event, payload) => {
	state.compactingSince = textAt(payload, 'status') === 'compacting' ? event.ts : null;
	if (textAt(payload, 'compact_result') === 'failed') {
		addNotice(state, event, {
			tone: 'warning',
			title: 'The conversation could not be summarised',
			detail: textAt(payload, 'compact_error')
		});
	}
};

const noSubAgent: SubAgent = {
	description: null,
	lastTool: null,
	toolUses: null,
	tokens: null,
	durationMs: null,
	status: null,
	summary: null
};

const lineAt = (from: unknown, key: string): string | null => {
	const text = textAt(from, key);
	return text === null ? null : cleanLine(text);
};

/** `task_started`, `task_progress`, `task_updated`, `task_notification`: facts about a call. */
const foldTask: Fold = (state, _event, payload) => {
	const toolUseId = textAt(payload, 'tool_use_id');
	const tool = toolUseId === null ? null : toolAt(state, toolUseId);
	if (!tool) return;
	const known = tool.subAgent ?? noSubAgent;
	const usage = objectAt(payload, 'usage');
	const patch = objectAt(payload, 'patch');
	const subAgent: SubAgent = {
		description: lineAt(payload, 'description') ?? known.description,
		lastTool: lineAt(payload, 'last_tool_name') ?? known.lastTool,
		toolUses: numberAt(usage, 'tool_uses') ?? known.toolUses,
		tokens: numberAt(usage, 'total_tokens') ?? known.tokens,
		durationMs: numberAt(usage, 'duration_ms') ?? known.durationMs,
		status: lineAt(payload, 'status') ?? lineAt(patch, 'status') ?? known.status,
		summary: lineAt(payload, 'summary') ?? known.summary
	};
	replaceBlock(state, { ...tool, subAgent });
};

const foldDenied: Fold = (state, event, payload) =>
	addNotice(state, event, {
		tone: 'warning',
		title: `${cleanLine(textAt(payload, 'tool_name') ?? 'A tool', 100)} was not allowed`,
		detail: textAt(payload, 'decision_reason') ?? textAt(payload, 'message')
	});

const foldInformational: Fold = (state, event, payload) => {
	const content = textAt(payload, 'content');
	if (content === null || textAt(payload, 'level') === 'info') return;
	const tone = textAt(payload, 'level') === 'warning' ? 'warning' : 'quiet';
	addNotice(state, event, { tone, title: content });
};

const foldRefusal: Fold = (state, event, payload) => {
	retract(state, textsAt(payload, 'retracted_message_uuids'));
	addNotice(state, event, {
		tone: 'warning',
		title: textAt(payload, 'content') ?? 'The model refused the request',
		detail: textAt(payload, 'api_refusal_explanation')
	});
};

const foldFallback: Fold = (state, event, payload) => {
	const model = textAt(payload, 'fallback_model') ?? textAt(payload, 'model');
	const to = model === null ? 'another model' : cleanLine(model, 100);
	addNotice(state, event, { tone: 'warning', title: `Switched to ${to}` });
};

const foldRateLimit: Fold = (state, event, payload) => {
	const info = objectAt(payload, 'rate_limit_info');
	const status = textAt(info, 'status');
	if (status !== 'rejected' && status !== 'allowed_warning') return;
	const resetsAt = numberAt(info, 'resetsAt');
	const reset = resetsAt === null ? null : new Date(resetsAt * 1000);
	const when = reset && Number.isFinite(reset.getTime()) ? reset.toISOString() : null;
	addNotice(state, event, {
		tone: 'warning',
		title: status === 'rejected' ? 'The model’s limit is reached' : 'Close to the model’s limit',
		detail: when === null ? null : `It resets at ${when.slice(0, 16).replace('T', ' ')} UTC.`
	});
};

const foldAuth: Fold = (state, event, payload) => {
	const error = textAt(payload, 'error');
	if (error === null) return;
	addNotice(state, event, {
		tone: 'error',
		title: 'Signing in to the model failed',
		detail: error
	});
};

const foldLifecycle: Fold = (state, _event, payload) => {
	const commandId = textAt(payload, 'command_uuid');
	if (commandId === null || textAt(payload, 'state') !== 'started') return;
	// Whether a steered one went into the turn or begins one, the runner says next.
	const isSteered = state.queued.some((queued) => queued.commandId === commandId && queued.steer);
	if (!isSteered) deliverMessage(state, commandId, 'delivered');
};

const foldLost: Fold = (state, event) =>
	addNotice(state, event, {
		tone: 'warning',
		title: 'The agent could not save part of its own record of the conversation',
		hint: 'The transcript here is complete; a resumed agent may not remember all of it.'
	});

const hidden: Fold = () => undefined;

const bySystemSubtype: Record<string, Fold> = {
	init: hidden,
	status: foldStatus,
	api_retry: foldRetry,
	compact_boundary: foldCompaction,
	task_started: foldTask,
	task_progress: foldTask,
	task_updated: foldTask,
	task_notification: foldTask,
	background_tasks_changed: hidden,
	permission_denied: foldDenied,
	hook_started: hidden,
	hook_progress: hidden,
	hook_response: hidden,
	thinking_tokens: hidden,
	session_state_changed: hidden,
	informational: foldInformational,
	notification: hidden,
	local_command_output: foldInformational,
	commands_changed: hidden,
	memory_recall: hidden,
	mirror_error: hidden,
	files_persisted: hidden,
	plugin_install: hidden,
	elicitation_complete: hidden,
	control_request_progress: hidden,
	model_refusal_fallback: foldRefusal,
	model_refusal_no_fallback: foldRefusal,
	model_fallback: foldFallback,
	session_writes_lost: foldLost,
	ui_invalidate: hidden,
	vcs_state_changed: hidden,
	worker_shutting_down: hidden
};

const byType: Record<string, Fold> = {
	tool_progress: hidden,
	tool_use_summary: hidden,
	stream_event: hidden,
	auth_status: foldAuth,
	rate_limit_event: foldRateLimit,
	prompt_suggestion: hidden,
	conversation_reset: (state, event) => addDivider(state, event, 'Conversation cleared'),
	command_lifecycle: foldLifecycle
};

/** The fold of a type or subtype that is neither assistant, user nor result; null when unknown. */
export const systemFold = (type: string, subtype: string | null): Fold | null => {
	if (type !== 'system') return Object.hasOwn(byType, type) ? (byType[type] ?? null) : null;
	const known = subtype !== null && Object.hasOwn(bySystemSubtype, subtype);
	return known ? (bySystemSubtype[subtype] ?? null) : null;
};
