import * as z from 'zod';
import { attachmentSchema } from './attachments.ts';
import { gitActionSchema } from './changes.ts';
import { rewoundSchema, setAsideSchema } from './rewind.ts';
import { wireErrorSchema } from './errors.ts';
import { repoIdSchema, seqSchema, sessionIdSchema } from './ids.ts';
import { timestampSchema } from './json.ts';

export const roleSchema = z.enum(['implementer', 'orchestrator']);
export type Role = z.infer<typeof roleSchema>;

/** Exactly these six. */
export const sessionStatusSchema = z.enum([
	'starting',
	'running',
	'waiting',
	'finished',
	'error',
	'stopped'
]);
export type SessionStatus = z.infer<typeof sessionStatusSchema>;

/** What a `waiting` session waits for. */
export const waitingForSchema = z.enum(['input', 'approval', 'answer', 'plan', 'limit', 'budget']);
export type WaitingFor = z.infer<typeof waitingForSchema>;

/**
 * What the agent may do without asking. `full`: all, inside the sandbox. `accept_edits`: change files of its
 * worktree. `ask`: nothing that changes anything. `plan`: it reads, and proposes a plan before it changes anything.
 */
export const permissionModeSchema = z.enum(['full', 'accept_edits', 'ask', 'plan']);
export type PermissionMode = z.infer<typeof permissionModeSchema>;

/** How hard the model thinks. */
export const effortSchema = z.enum(['low', 'medium', 'high', 'xhigh', 'max']);
export type Effort = z.infer<typeof effortSchema>;

/** As the agent takes it: an alias, or a model's whole name. */
export const modelNameSchema = z
	.string()
	.regex(/^[A-Za-z0-9][A-Za-z0-9._:/@[\]-]{0,127}$/, 'is not a model name');

export const driverKindSchema = z.enum(['docker', 'bubblewrap']);
export type DriverKind = z.infer<typeof driverKindSchema>;

/** The named steps of a start, in order. */
export const startStepNameSchema = z.enum([
	'mirror',
	'worktree',
	'image',
	'sandbox',
	'runner',
	'agent'
]);
export type StartStepName = z.infer<typeof startStepNameSchema>;

export const startStepSchema = z.object({
	name: startStepNameSchema,
	status: z.enum(['pending', 'running', 'done', 'failed', 'skipped']),
	startedAt: timestampSchema.nullable(),
	durationMs: z.number().nullable(),
	/** The last lines the step said, oldest first. */
	log: z.array(z.string())
});
export type StartStep = z.infer<typeof startStepSchema>;

/**
 * Why a sandbox is no more: `exited`, its runner ended by itself; `agent`, Claude Code ended and the
 * runner with it; `runner`, the runner alone was killed; `killed`, the whole sandbox was; `oom`, it ran
 * out of memory; `removed` from outside; `engine`, the Docker engine stopped and took it along; `host`,
 * the machine was restarted; `lost`, it was found gone and nobody knows why.
 */
export const exitCauseSchema = z.enum([
	'exited',
	'agent',
	'runner',
	'killed',
	'oom',
	'removed',
	'engine',
	'host',
	'lost'
]);
export type ExitCause = z.infer<typeof exitCauseSchema>;

/**
 * How an unresponsive runner was found: it gives no answer, has no connection, is halted with its sandbox,
 * or has lost its connection while the Docker engine does not answer either. `agent`: the runner answers,
 * and says that its agent does not.
 */
export const silenceSchema = z.enum(['unanswered', 'disconnected', 'paused', 'engine', 'agent']);
export type Silence = z.infer<typeof silenceSchema>;

/** Something the agent asks a person and waits for. */
export const pendingRequestSchema = z.object({
	requestId: z.string(),
	kind: z.enum(['approval', 'question', 'plan']),
	/** The event that asked. */
	seq: seqSchema,
	toolName: z.string(),
	title: z.string().nullable()
});
export type PendingRequest = z.infer<typeof pendingRequestSchema>;

/** One line that says what the agent may do without asking, such as `Bash(npm test:*)`. */
export const ruleTextSchema = z.string().min(1).max(1_000);

/** Of one session, or of every session of its repo. */
export const ruleScopeSchema = z.enum(['session', 'repo']);
export type RuleScope = z.infer<typeof ruleScopeSchema>;

/**
 * What a running session does: the call that it began last among those without a result; the model's answer is
 * on its way, or asked for again after a failure; the conversation is summarised; or the turn has ended and its
 * commits come in.
 */
export const sessionActivitySchema = z.discriminatedUnion('kind', [
	z.object({ kind: z.literal('tool'), name: z.string() }),
	z.object({ kind: z.literal('model') }),
	z.object({
		kind: z.literal('retry'),
		attempt: z.int().nullable(),
		maxRetries: z.int().nullable()
	}),
	z.object({ kind: z.literal('compacting') }),
	z.object({ kind: z.literal('settling') })
]);
export type SessionActivity = z.infer<typeof sessionActivitySchema>;

/** Who said a message. */
export const messageFromSchema = z.enum(['person', 'orchestrator', 'manager']);
export type MessageFrom = z.infer<typeof messageFromSchema>;

/** A message that was accepted and that the agent has not begun. */
export const queuedMessageSchema = z.object({
	commandId: z.string(),
	from: messageFromSchema,
	/** The orchestrator that sent it. */
	fromSession: z.string().optional(),
	/** The event that has its text as it is now. */
	seq: seqSchema,
	/** It is the runner's: it can't be edited or removed any more. */
	handedOver: z.boolean(),
	/** It is for the turn that runs. */
	steer: z.boolean().optional(),
	attachments: z.array(attachmentSchema).optional()
});
export type QueuedMessage = z.infer<typeof queuedMessageSchema>;

/** What an orchestrator waits for, without a turn: it is woken by one message when it is so, or at the deadline. */
export const sessionWaitSchema = z.object({
	/** Also the command id of the message that wakes it. */
	waitId: z.string(),
	/** `all` of the sessions at rest, or the first one. */
	mode: z.enum(['any', 'all']),
	sessionIds: z.array(z.string()),
	deadline: timestampSchema
});
export type SessionWait = z.infer<typeof sessionWaitSchema>;

export const sessionUsageSchema = z.object({
	inputTokens: z.int(),
	outputTokens: z.int(),
	cacheReadTokens: z.int(),
	cacheWriteTokens: z.int(),
	costUsd: z.number()
});
export type SessionUsage = z.infer<typeof sessionUsageSchema>;

/** A session as every page and API answer shows it. */
export const sessionSchema = z.object({
	id: sessionIdSchema,
	repoId: repoIdSchema,
	role: roleSchema,
	/** The orchestrator that started it; null when a person did. */
	startedBy: sessionIdSchema.nullable(),
	title: z.string(),
	/** Set while it stands first in lists. */
	pinnedAt: timestampSchema.nullable(),
	/** Set while it is out of the lists; only a session that is not live can be. */
	archivedAt: timestampSchema.nullable(),
	goalPrompt: z.string(),
	additionalInstructions: z.string().nullable(),
	status: sessionStatusSchema,
	/** Place in the line of those who wait to be started, from 1; null for a session that is not in it. */
	queuePosition: z.int().min(1).nullable(),
	/** Set exactly when `status` is `waiting`. */
	waitingFor: waitingForSchema.nullable(),
	/** Set exactly when `status` is `running`. */
	activity: sessionActivitySchema.nullable(),
	/** True while the sandbox is put away and the next message wakes it. */
	asleep: z.boolean(),
	/** The end that was asked for and is on its way: a finish waits for the open turn. */
	ending: z.enum(['stop', 'finish', 'purge']).nullable(),
	/** Why that end can't be made just now. It is tried again by itself. */
	endingProblem: wireErrorSchema.nullable(),
	/** The full name, such as `agent/fix-login-3f2a`. */
	branchName: z.string(),
	baseBranch: z.string(),
	baseCommit: z.string().nullable(),
	/** Tip of the session's branch in the mirror; null until the first commit came in. */
	headCommit: z.string().nullable(),
	/** Commits on the branch that its base does not have. */
	commitCount: z.int(),
	/** The commit that the last push brought to the server; null before the first. */
	pushedCommit: z.string().nullable(),
	/** The newest commit, push, update or rewind that was asked for. */
	gitAction: gitActionSchema.nullable(),
	/** What rewinds have set aside, oldest first: events from `from` on and before `to`. */
	setAside: z.array(setAsideSchema),
	/** The newest rewind, as long as it can be undone: until a turn begins. */
	rewound: rewoundSchema.nullable(),
	/** null: the agent's default. */
	model: z.string().nullable(),
	effort: effortSchema.nullable(),
	permissionMode: permissionModeSchema,
	/** The event that says which commands and models the agent has; null until it said so. */
	offersSeq: seqSchema.nullable(),
	driver: driverKindSchema.nullable(),
	/** False where the platform can't hold the sandbox to CPU, memory and process limits. */
	limited: z.boolean().nullable(),
	steps: z.array(startStepSchema),
	pending: z.array(pendingRequestSchema),
	/** What this session alone may do without asking, oldest first. */
	rules: z.array(z.string()),
	/** Oldest first. */
	queued: z.array(queuedMessageSchema),
	/** Set while an orchestrator waits for other sessions. */
	wait: sessionWaitSchema.nullable(),
	/** Why the status is `error`, which step failed is in `steps`. */
	error: wireErrorSchema.nullable(),
	/** Why the sandbox ended that nobody had asked to; null from the next start on. */
	exitCause: exitCauseSchema.nullable(),
	/** Set while a live session's runner or its agent does not answer: since when, and how that was found. */
	unresponsive: z.object({ since: timestampSchema, silence: silenceSchema }).nullable(),
	/** True while the agent is not read, because what it said before could not be stored yet. */
	heldUp: z.boolean(),
	turns: z.int(),
	usage: sessionUsageSchema,
	/** Head of the event log. */
	head: seqSchema,
	createdAt: timestampSchema,
	updatedAt: timestampSchema
});
export type Session = z.infer<typeof sessionSchema>;
