import * as z from 'zod';
import { attachmentSchema } from './attachments.ts';
import { seqSchema } from './ids.ts';
import { jsonObjectSchema, timestampSchema } from './json.ts';
import { commitIdSchema, gitActionRequestSchema } from './changes.ts';
import { wireErrorSchema } from './errors.ts';
import { carriedFilesSchema } from './rewind.ts';
import {
	driverKindSchema,
	effortSchema,
	exitCauseSchema,
	messageFromSchema,
	permissionModeSchema,
	roleSchema,
	ruleScopeSchema,
	sessionWaitSchema,
	silenceSchema,
	startStepNameSchema
} from './session.ts';

/** Who stated the fact: Claude Code through the SDK, our runner, or the manager. */
export const eventSourceSchema = z.enum(['claude', 'runner', 'manager']);
export type EventSource = z.infer<typeof eventSourceSchema>;

/**
 * Why a stored payload differs from what was sent. `nul` and `surrogate`: characters PostgreSQL
 * can't hold were replaced; `deep`: what is nested too deeply was cut; `oversize`: the payload is a
 * short stand-in. The body as it came is in the side table.
 */
export const eventMarkSchema = z.enum(['nul', 'surrogate', 'deep', 'oversize']);
export type EventMark = z.infer<typeof eventMarkSchema>;

/** One fact of a session's log. The payload of a `claude.*` event is the SDK's message unchanged. */
export const sessionEventSchema = z.object({
	seq: seqSchema,
	ts: timestampSchema,
	source: eventSourceSchema,
	type: z.string().min(1).max(200),
	payload: jsonObjectSchema,
	marks: z.array(eventMarkSchema).optional()
});
export type SessionEvent = z.infer<typeof sessionEventSchema>;

/**
 * What the manager states. Past tense, one schema for each payload; `session.*` are the facts
 * status is folded from.
 */
export const managerEventSchemas = {
	'session.created': z.object({
		role: roleSchema,
		branchName: z.string(),
		baseBranch: z.string(),
		goalPrompt: z.string(),
		model: z.string().nullable(),
		permissionMode: permissionModeSchema,
		effort: effortSchema.nullable().optional(),
		/** The orchestrator that started it. */
		startedBy: z.string().optional(),
		/** The session that it is a fork of, and the event at which the turn ended that it goes on from. */
		forkedFrom: z.object({ sessionId: z.string(), seq: seqSchema }).optional()
	}),
	/** A start was asked for: the first one, a retry, a resume or a wake-up. */
	'session.start_requested': z.object({
		reason: z.enum(['created', 'retry', 'resume', 'wake']),
		epoch: z.int()
	}),
	'step.started': z.object({ step: startStepNameSchema }),
	'step.logged': z.object({ step: startStepNameSchema, lines: z.array(z.string()) }),
	'step.finished': z.object({
		step: startStepNameSchema,
		durationMs: z.number(),
		skipped: z.boolean().optional()
	}),
	'step.failed': z.object({
		step: startStepNameSchema,
		durationMs: z.number(),
		error: wireErrorSchema
	}),
	'worktree.created': z.object({
		baseCommit: z.string(),
		baseAgeSeconds: z.number().nullable(),
		/** Of a fork. */
		carried: carriedFilesSchema.optional()
	}),
	/** The worktree was gone: a new checkout of the branch, from the last commit that had come in. */
	'worktree.restored': z.object({ commit: z.string() }),
	/**
	 * The session folder was gone, and the agent's memory of the session with it; of a fork: the other
	 * session's was, or could not be read, for the reason that is said.
	 */
	'conversation.lost': z.object({ forkProblem: z.string().optional() }),
	'sandbox.started': z.object({
		driver: driverKindSchema,
		epoch: z.int(),
		limited: z.boolean(),
		notes: z.array(z.string())
	}),
	'sandbox.exited': z.object({
		epoch: z.int(),
		cause: exitCauseSchema,
		exitCode: z.int().nullable(),
		expected: z.boolean()
	}),
	'message.accepted': z.object({
		commandId: z.string(),
		text: z.string(),
		from: messageFromSchema,
		/** The orchestrator that sent it. */
		fromSession: z.string().optional(),
		/** It is for the turn that runs; without it, for one of its own. */
		steer: z.boolean().optional(),
		attachments: z.array(attachmentSchema).optional()
	}),
	/**
	 * It was given to the runner and can't be changed any more. `text` and `from`: of one that had waited, so
	 * that a window of the log which begins later has it whole.
	 */
	'message.handed_over': z.object({
		commandId: z.string(),
		text: z.string().optional(),
		from: messageFromSchema.optional(),
		fromSession: z.string().optional(),
		attachments: z.array(attachmentSchema).optional()
	}),
	'message.edited': z.object({ commandId: z.string(), text: z.string() }),
	'message.removed': z.object({ commandId: z.string() }),
	/** Another place in the queue: before that message, or last. */
	'message.moved': z.object({ commandId: z.string(), before: z.string().nullable() }),
	/** What had been said of a message when its sandbox died, as the manager heard it. */
	'message.cut_off': z.object({ messageId: z.string(), blocks: z.array(jsonObjectSchema) }),
	/** What a person wants from now on; a field that is left out stays as it is. */
	'session.configured': z.object({
		commandId: z.string(),
		permissionMode: permissionModeSchema.optional(),
		model: z.string().nullable().optional(),
		effort: effortSchema.nullable().optional()
	}),
	'interrupt.requested': z.object({ commandId: z.string() }),
	'request.decided': z.object({
		requestId: z.string(),
		commandId: z.string(),
		decision: z.enum(['allow', 'deny']),
		message: z.string().nullable(),
		/** The orchestrator that decided; without it, and without rules, a person did. */
		bySession: z.string().optional(),
		/** The rules that allowed it, and whose they are. */
		byRules: z.array(z.object({ scope: ruleScopeSchema, rule: z.string() })).optional(),
		/** The rules that were made with it. */
		remember: z.object({ scope: ruleScopeSchema, rules: z.array(z.string()) }).optional(),
		/** As the person changed what was asked. */
		updatedInput: jsonObjectSchema.optional()
	}),
	/** What this session may do without asking was changed apart from an answer. */
	'session.rules_changed': z.object({
		added: z.array(z.string()),
		removed: z.array(z.string())
	}),
	/** An orchestrator waits for other sessions, in the place of what it waited for before. */
	'wait.registered': sessionWaitSchema,
	'wait.ended': z.object({ waitId: z.string(), reason: z.enum(['fulfilled', 'due']) }),
	/** What an orchestrator tells the person, apart from what it says on the way. */
	'session.reported': z.object({ text: z.string() }),
	'commits.collected': z.object({
		head: z.string(),
		commitCount: z.int(),
		/** False when the branch was rewritten. */
		fastForward: z.boolean()
	}),
	/** A commit, a push or an update was asked for. */
	'git.requested': z.object({ commandId: z.string(), request: gitActionRequestSchema }),
	'git.ended': z.object({
		commandId: z.string(),
		error: wireErrorSchema.nullable(),
		/** What the session builds on from now, when the newest base was brought in. */
		baseCommit: z.string().nullable(),
		/** What was pushed. */
		pushedCommit: z.string().nullable()
	}),
	/**
	 * The session goes on from before the prompt whose turn began at `atSeq`. What came between is set aside: it
	 * stays in the log, and the agent knows nothing of it.
	 */
	'session.rewound': z.object({
		commandId: z.string(),
		atSeq: seqSchema,
		/** The SDK's name for the conversation from here on. */
		conversationId: z.string(),
		/** It goes on behind the newest of these, newest first; none: it begins anew. */
		messageIds: z.array(z.string()),
		/** How many files were put back; null: they were left as they are. */
		filesChanged: z.int().nullable()
	}),
	/** All of that was taken back. `rewind`: the command that had asked for it. */
	'session.rewind_undone': z.object({
		commandId: z.string(),
		rewind: z.string(),
		filesChanged: z.int().nullable()
	}),
	'commits.collect_failed': z.object({ error: wireErrorSchema }),
	/** The turn's commits are in the mirror (or could not be fetched): now a person may look. */
	'session.settled': z.object({}),
	'session.limit_reached': z.object({ error: wireErrorSchema }),
	'session.limit_lifted': z.object({}),
	'session.idled': z.object({ afterSeconds: z.number() }),
	'session.slept': z.object({ afterSeconds: z.number() }),
	/** The runner of a live session has not answered for so long; what it was asked waits. */
	'session.stopped_answering': z.object({ afterSeconds: z.number(), silence: silenceSchema }),
	'session.answered_again': z.object({}),
	'session.stop_requested': z.object({}),
	'session.stopped': z.object({}),
	'session.finish_requested': z.object({}),
	'session.finished': z.object({}),
	'session.failed': z.object({ error: wireErrorSchema }),
	'session.purge_requested': z.object({}),
	'session.renamed': z.object({ title: z.string() }),
	'session.pinned': z.object({}),
	'session.unpinned': z.object({}),
	'session.archived': z.object({ by: messageFromSchema }),
	'session.unarchived': z.object({}),
	'egress.denied': z.object({ host: z.string(), port: z.int(), reason: z.string() })
} as const;
export type ManagerEventType = keyof typeof managerEventSchemas;
export type ManagerEventPayload<T extends ManagerEventType> = z.infer<
	(typeof managerEventSchemas)[T]
>;

/** What the runner states. The SDK's own messages are not here: they are `claude.*`, unchanged. */
export const runnerEventSchemas = {
	'runner.started': z.object({
		epoch: z.int(),
		version: z.int(),
		/** True when the conversation of an earlier sandbox goes on. */
		resumed: z.boolean(),
		claudeCodeVersion: z.string().nullable(),
		/** What it was to go on from is in no conversation any more: it begins anew. */
		contextLost: z.boolean().optional()
	}),
	/**
	 * A turn begins: a message went into the agent. When the agent begins one by itself (a background
	 * task ended), `commandId` is a fresh UUID that no command has.
	 */
	'runner.turn_started': z.object({ commandId: z.string() }),
	/** A message went into the turn that runs: the model reads it with its next step. */
	'runner.message_steered': z.object({ commandId: z.string() }),
	/** The agent is idle again, whatever ended the turn. */
	'runner.turn_ended': z.object({
		commandId: z.string(),
		outcome: z.enum(['completed', 'failed', 'interrupted', 'unknown'])
	}),
	/** The files between two turns are kept as this commit; `leftOut` untracked ones are too large for it. */
	'runner.checkpointed': z.object({
		commit: commitIdSchema,
		leftOut: z.int(),
		durationMs: z.number()
	}),
	'runner.approval_requested': z.object({
		requestId: z.string(),
		kind: z.enum(['approval', 'question', 'plan']),
		toolName: z.string(),
		toolUseId: z.string(),
		input: jsonObjectSchema,
		title: z.string().nullable(),
		description: z.string().nullable(),
		reason: z.string().nullable(),
		agentId: z.string().nullable(),
		/** Rules that the agent proposes, as it writes them. */
		suggestedRules: z.array(z.string()).optional(),
		/** The agent's word: no rule is to answer it. */
		noRule: z.boolean().optional(),
		/** The agent's word: one key is not enough to allow it. */
		askTwice: z.boolean().optional()
	}),
	/** The request was answered, or is moot because the turn was interrupted or the agent ended. */
	'runner.approval_resolved': z.object({
		requestId: z.string(),
		outcome: z.enum(['allowed', 'denied', 'withdrawn'])
	}),
	/** What had been said of a message when its sandbox died. */
	'runner.partial': z.object({ messageId: z.string(), blocks: z.array(jsonObjectSchema) }),
	/** In an open turn the agent's process gives no answer. It may be frozen, or busy with itself. */
	'runner.agent_silent': z.object({ afterSeconds: z.number() }),
	'runner.agent_heard': z.object({}),
	'runner.agent_exited': z.object({
		exitCode: z.int().nullable(),
		error: z.string().nullable(),
		stderr: z.array(z.string())
	}),
	/** What was configured did not become so, and why: the agent goes on as before. */
	'runner.configuration_refused': z.object({
		commandId: z.string(),
		message: z.string(),
		/** As they still are. */
		model: z.string().nullable(),
		effort: effortSchema.nullable()
	}),
	/** What the agent says that it has, once it has started. */
	'runner.offered': z.object({
		commands: z.array(
			z.object({ name: z.string(), description: z.string(), argumentHint: z.string() })
		),
		models: z.array(
			z.object({
				value: z.string(),
				displayName: z.string(),
				description: z.string(),
				efforts: z.array(z.string())
			})
		)
	}),
	'runner.command_unknown_outcome': z.object({ commandId: z.string(), message: z.string() }),
	'runner.stopped': z.object({ reason: z.enum(['finish', 'stop', 'agent_exited', 'fenced']) })
} as const;
export type RunnerEventType = keyof typeof runnerEventSchemas;
export type RunnerEventPayload<T extends RunnerEventType> = z.infer<(typeof runnerEventSchemas)[T]>;
