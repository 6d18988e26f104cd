import * as z from 'zod';
import { attachmentSchema } from './attachments.ts';
import { deltaSchema, partialMessageSchema } from './delta.ts';
import { eventSourceSchema } from './events.ts';
import { jsonObjectSchema, timestampSchema } from './json.ts';
import { effortSchema, permissionModeSchema, roleSchema } from './session.ts';

/**
 * Frames between a runner and the manager, as JSON text over the WebSocket at the door's `/runner`.
 * The token goes in the upgrade's `Authorization: Bearer`, never in a frame.
 */

/** A record of the outbox: what the runner numbered, before the manager gives it its `seq`. */
export const outboxRecordSchema = z.object({
	/** 1, 2, 3, … within the session, over all its runners. */
	n: z.int().min(1),
	ts: timestampSchema,
	source: eventSourceSchema.exclude(['manager']),
	type: z.string().min(1).max(200),
	payload: jsonObjectSchema
});
export type OutboxRecord = z.infer<typeof outboxRecordSchema>;

/** How the runner shall start the agent. Everything here is known to the agent too. */
export const agentOptionsSchema = z.object({
	role: roleSchema,
	model: z.string().nullable(),
	effort: effortSchema.nullable().default(null),
	permissionMode: permissionModeSchema,
	/** Appended to Claude Code's own system prompt: base, role and the session's instructions. */
	systemPromptAppend: z.string(),
	/** Conversation to go on with, as the SDK names it. The first start creates it under this id. */
	conversationId: z.uuid(),
	/** The agent has answered under this id before: when it knows nothing of that any more, it has to be said. */
	hasConversation: z.boolean().optional(),
	/** The conversation begins as a copy of another session's, up to the newest of these messages that it has. */
	fork: z
		.object({ conversationId: z.uuid(), messageIds: z.array(z.string()) })
		.nullable()
		.default(null),
	/** The session was rewound: its conversation begins behind the newest of these messages that it had. */
	rewound: z
		.object({ messageIds: z.array(z.string()).min(1) })
		.nullable()
		.default(null)
});
export type AgentOptions = z.infer<typeof agentOptionsSchema>;

/** In the session folder of a fork: the other session's conversation, as the manager leaves it. */
export const FORKED_CONVERSATION_FILE = 'forked-conversation.jsonl';

/** What the manager tells a runner to do. `message` and `decide` are durable until acknowledged. */
export const runnerCommandSchema = z.discriminatedUnion('type', [
	z.object({
		type: z.literal('message'),
		commandId: z.string(),
		text: z.string(),
		/** Into the turn that runs; if it has ended, the message begins one. */
		steer: z.boolean().optional(),
		/** To be fetched at the door's `/attachments/{id}`. */
		attachments: z.array(attachmentSchema).optional()
	}),
	z.object({ type: z.literal('interrupt'), commandId: z.string() }),
	z.object({
		type: z.literal('decide'),
		commandId: z.string(),
		requestId: z.string(),
		decision: z.enum(['allow', 'deny']),
		/** Said to the model when denied. */
		message: z.string().nullable(),
		/** Replaces the tool's input when allowed; answers to a question go here. */
		updatedInput: jsonObjectSchema.nullable(),
		/** The mode to go on in, when a plan is approved. */
		permissionMode: permissionModeSchema.optional()
	}),
	/** The whole of what can be configured, as it shall be from now on: applied twice is applied once. */
	z.object({
		type: z.literal('configure'),
		commandId: z.string(),
		permissionMode: permissionModeSchema,
		model: z.string().nullable(),
		effort: effortSchema.nullable()
	}),
	/** Close the agent's input; it ends by itself and exits 0. */
	z.object({ type: z.literal('finish'), commandId: z.string() })
]);
export type RunnerCommand = z.infer<typeof runnerCommandSchema>;

/** The version that each command came with: an older runner is not told. */
export const COMMAND_SINCE: Record<RunnerCommand['type'], number> = {
	message: 1,
	interrupt: 1,
	decide: 1,
	configure: 2,
	finish: 1
};

/** Runner → manager. */
export const runnerToManagerSchema = z.discriminatedUnion('kind', [
	/** First frame. `lastN`: newest record in the outbox; `lastCommand`: newest command it has taken. */
	z.object({
		kind: z.literal('hello'),
		v: z.int(),
		sessionId: z.string(),
		epoch: z.int().min(1),
		lastN: z.int().min(0),
		lastCommand: z.int().min(0)
	}),
	/** Records in order of `n`, already fsynced in the outbox. */
	z.object({ kind: z.literal('records'), records: z.array(outboxRecordSchema).min(1) }),
	/**
	 * Lossy. `afterN`: the record that they must not overtake. What the model said in one go is one frame, and
	 * neighbours of the same block are one delta: a stream at full speed costs little here and behind.
	 */
	z.object({
		kind: z.literal('delta'),
		afterN: z.int().min(0),
		deltas: z.array(deltaSchema).min(1)
	}),
	/** What is being produced right now; sent after `welcome`, and when asked. */
	z.object({
		kind: z.literal('partial'),
		afterN: z.int().min(0),
		partials: z.array(partialMessageSchema)
	}),
	/** The outbox is full and the agent is not read: said when that begins and ends, and after `welcome`. */
	z.object({ kind: z.literal('held_up'), heldUp: z.boolean() }),
	/** The command is durable in the sandbox (or its effect is in the outbox). */
	z.object({ kind: z.literal('command_ack'), num: z.int().min(1) }),
	/** Answer to `probe`: is a turn open, is a tool at work? */
	z.object({
		kind: z.literal('probe_result'),
		probeId: z.string(),
		turnOpen: z.boolean(),
		openTools: z.int().min(0)
	})
]);
export type RunnerToManager = z.infer<typeof runnerToManagerSchema>;

/** Manager → runner. */
export const managerToRunnerSchema = z.discriminatedUnion('kind', [
	/** Answer to `hello`: send every record after `ackedN`; commands after `lastCommand` follow. */
	z.object({
		kind: z.literal('welcome'),
		v: z.int(),
		ackedN: z.int().min(0),
		agent: agentOptionsSchema
	}),
	/** Every record up to `n` is committed. */
	z.object({ kind: z.literal('ack'), n: z.int().min(0) }),
	/** A hole: send again from `expectedN`. */
	z.object({ kind: z.literal('nack'), expectedN: z.int().min(1) }),
	/** `num` counts the session's commands 1, 2, 3, … */
	z.object({ kind: z.literal('command'), num: z.int().min(1), command: runnerCommandSchema }),
	z.object({ kind: z.literal('probe'), probeId: z.string() }),
	z.object({ kind: z.literal('partial_request') })
]);
export type ManagerToRunner = z.infer<typeof managerToRunnerSchema>;

/** WebSocket close codes at `/runner`. */
export const RUNNER_CLOSE = {
	/** A newer runner of the same session is connected: end, and do not come back. */
	fenced: 4001,
	/** The token or the session is not known any more: end. */
	unauthorized: 4003,
	/** The manager goes away: reconnect. */
	goingAway: 1001,
	/** The frame could not be parsed: reconnect and resend. */
	protocol: 4002
} as const;
