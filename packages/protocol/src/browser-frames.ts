import * as z from 'zod';
import { deltaSchema, partialMessageSchema } from './delta.ts';
import { sessionEventSchema } from './events.ts';
import { commandIdSchema, repoIdSchema, seqSchema, sessionIdSchema } from './ids.ts';
import { timestampSchema } from './json.ts';
import { ENVELOPE_VERSION } from './protocol-version.ts';
import { repoSchema } from './repo.ts';
import {
	configureSchema,
	decideSchema,
	editMessageSchema,
	moveMessageSchema,
	registerRepoSchema,
	renameSchema,
	sendMessageSchema,
	sessionRulesSchema,
	startSessionSchema
} from './requests.ts';
import { sessionSchema } from './session.ts';
import { transcriptCarrySchema } from './transcript-carry.ts';

/**
 * Frames of `/ws`, as JSON text. One envelope in both directions. `seq` of a stored event is the
 * log's; of a delta the head it follows; of an ack or error the command's own; with `sessionId` null
 * it counts the connection's frames.
 */
export const envelopeSchema = z.object({
	v: z.literal(ENVELOPE_VERSION),
	kind: z.enum(['event', 'command', 'ack', 'error', 'subscribe', 'snapshot']),
	sessionId: z.string().nullable(),
	ts: timestampSchema,
	seq: seqSchema,
	payload: z.looseObject({})
});
export type Envelope = z.infer<typeof envelopeSchema>;

/** A client's frame may leave out `ts` and `seq`. */
export const clientEnvelopeSchema = envelopeSchema
	.extend({ ts: timestampSchema.optional(), seq: seqSchema.optional() })
	.extend({ kind: z.enum(['command', 'subscribe']) });

/** Largest frame a client may send: a 1 MiB prompt, escaped, with room around it. */
export const CLIENT_FRAME_MAX_BYTES = 4 * 1_048_576;

const withKey = { idempotencyKey: commandIdSchema.optional() };
const onSession = { sessionId: sessionIdSchema, ...withKey };

/** `payload` of a client's frame, whichever its kind. */
export const clientPayloadSchema = z.discriminatedUnion('type', [
	/** Without `afterSeq`: snapshot of the last 200 events, then later ones. With it: every event after it. */
	z.object({
		type: z.literal('subscribe.session'),
		sessionId: sessionIdSchema,
		afterSeq: seqSchema.optional()
	}),
	z.object({ type: z.literal('subscribe.repo'), repoId: repoIdSchema }),
	z.object({ type: z.literal('subscribe.repo_list') }),
	z.object({
		type: z.literal('unsubscribe'),
		sessionId: sessionIdSchema.optional(),
		repoId: repoIdSchema.optional(),
		repoList: z.boolean().optional()
	}),
	z.object({ type: z.literal('snapshot.request'), sessionId: sessionIdSchema }),
	z.object({
		type: z.literal('session.start'),
		repoId: repoIdSchema,
		...withKey,
		...startSessionSchema.shape
	}),
	z.object({ type: z.literal('session.send_message'), ...onSession, ...sendMessageSchema.shape }),
	z.object({
		type: z.literal('session.edit_message'),
		...onSession,
		messageId: commandIdSchema,
		...editMessageSchema.shape
	}),
	z.object({
		type: z.literal('session.move_message'),
		...onSession,
		messageId: commandIdSchema,
		...moveMessageSchema.shape
	}),
	z.object({ type: z.literal('session.remove_message'), ...onSession, messageId: commandIdSchema }),
	z.object({ type: z.literal('session.decide'), ...onSession, ...decideSchema.shape }),
	z.object({ type: z.literal('session.configure'), ...onSession, ...configureSchema.shape }),
	z.object({ type: z.literal('session.rules'), ...onSession, ...sessionRulesSchema.shape }),
	z.object({ type: z.literal('session.interrupt'), ...onSession }),
	z.object({ type: z.literal('session.stop'), ...onSession }),
	z.object({ type: z.literal('session.resume'), ...onSession }),
	z.object({ type: z.literal('session.retry'), ...onSession }),
	z.object({ type: z.literal('session.finish'), ...onSession }),
	z.object({ type: z.literal('session.sleep'), ...onSession }),
	z.object({ type: z.literal('session.purge'), ...onSession }),
	z.object({ type: z.literal('session.archive'), ...onSession }),
	z.object({ type: z.literal('session.unarchive'), ...onSession }),
	z.object({ type: z.literal('session.pin'), ...onSession }),
	z.object({ type: z.literal('session.unpin'), ...onSession }),
	z.object({ type: z.literal('session.rename'), ...onSession, ...renameSchema.shape }),
	z.object({ type: z.literal('repo.register'), ...registerRepoSchema.shape }),
	z.object({ type: z.literal('repo.refresh'), repoId: repoIdSchema })
]);
export type ClientPayload = z.infer<typeof clientPayloadSchema>;

/** `payload` of a `snapshot` frame. */
export const snapshotPayloadSchema = z.discriminatedUnion('type', [
	z.object({
		type: z.literal('session'),
		session: sessionSchema,
		/** The last events up to `head`, oldest first; empty when the client gave `afterSeq`. */
		events: z.array(sessionEventSchema),
		/** What stands open before the first of them; null at the log's beginning and without events. */
		carry: transcriptCarrySchema.nullable(),
		head: seqSchema,
		partials: z.array(partialMessageSchema)
	}),
	z.object({ type: z.literal('repo'), repo: repoSchema, sessions: z.array(sessionSchema) }),
	z.object({
		type: z.literal('repo_list'),
		repos: z.array(repoSchema),
		sessions: z.array(sessionSchema)
	})
]);
export type SnapshotPayload = z.infer<typeof snapshotPayloadSchema>;

/** `payload` of an `event` frame. */
export const eventPayloadSchema = z.discriminatedUnion('type', [
	/** Stored events of the session, in order; `seq` of the envelope is the first one's. */
	z.object({ type: z.literal('event'), event: sessionEventSchema }),
	z.object({ type: z.literal('delta'), delta: deltaSchema }),
	/** The session's row changed. Sent to subscribers of the session, its repo and the list. */
	z.object({ type: z.literal('session'), session: sessionSchema }),
	z.object({
		type: z.literal('session_removed'),
		sessionId: sessionIdSchema,
		repoId: repoIdSchema
	}),
	z.object({ type: z.literal('repo'), repo: repoSchema }),
	z.object({ type: z.literal('repo_removed'), repoId: repoIdSchema }),
	/** Every 15 s on a session subscription: a quiet loss at the tail becomes visible. */
	z.object({ type: z.literal('heartbeat'), head: seqSchema })
]);
export type EventFramePayload = z.infer<typeof eventPayloadSchema>;

/** `payload` of an `ack` frame. `re` names what is acknowledged. */
export const ackPayloadSchema = z.object({
	re: z.string(),
	commandId: z.string().optional(),
	session: sessionSchema.optional(),
	repo: repoSchema.optional()
});

/** Close codes at `/ws`. */
export const BROWSER_CLOSE = {
	/** The manager goes away or restarts: reconnect. */
	goingAway: 1001,
	/** The viewer did not keep up: reconnect and resume by cursor. */
	tooSlow: 4008,
	/** Too large, binary, or too many bad frames. */
	protocol: 4002,
	/** Signed out. */
	unauthorized: 4003
} as const;
