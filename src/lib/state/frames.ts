/**
 * The browser's view of the frames of `/ws`. Only types come from the protocol package: its schemas
 * would bring zod into the page, and the server is of the same build (`v` is checked).
 */
import type {
	BROWSER_CLOSE,
	ClientPayload,
	Envelope,
	SnapshotPayload,
	ackPayloadSchema,
	eventPayloadSchema
} from '@agent-manager/protocol/browser-frames.ts';
import { ENVELOPE_VERSION } from '@agent-manager/protocol/protocol-version.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { z } from 'zod';

export type { ClientPayload, SnapshotPayload };
export type EventFramePayload = z.infer<typeof eventPayloadSchema>;
export type AckPayload = z.infer<typeof ackPayloadSchema>;

/** What a client sends, with ids as plain strings: the server brands them. */
export type OutgoingPayload = { type: ClientPayload['type'] } & Record<string, unknown>;

export type IncomingFrame =
	| { kind: 'snapshot'; sessionId: string | null; seq: number; payload: SnapshotPayload }
	| { kind: 'event'; sessionId: string | null; seq: number; payload: EventFramePayload }
	| { kind: 'ack'; sessionId: string | null; seq: number; payload: AckPayload }
	| { kind: 'error'; sessionId: string | null; seq: number; payload: ErrorPayload };

export interface ErrorPayload {
	error: WireError;
	/** The type of the frame that is refused; null when it could not be read. */
	re: string | null;
	commandId?: string;
}

/** Values of the protocol's `BROWSER_CLOSE`, checked by type. */
export const CLOSE_TOO_SLOW: (typeof BROWSER_CLOSE)['tooSlow'] = 4008;
export const CLOSE_UNAUTHORIZED: (typeof BROWSER_CLOSE)['unauthorized'] = 4003;

export type ParsedFrame =
	{ ok: true; frame: IncomingFrame } | { ok: false; why: 'version' | 'malformed' };

/** Reads one text frame of the server. `version`: the server speaks a protocol this page does not. */
export const parseFrame = (text: string): ParsedFrame => {
	let envelope: Partial<Envelope>;
	try {
		envelope = JSON.parse(text) as Partial<Envelope>;
	} catch {
		return { ok: false, why: 'malformed' };
	}
	if (envelope === null || typeof envelope !== 'object') return { ok: false, why: 'malformed' };
	if (envelope.v !== ENVELOPE_VERSION) return { ok: false, why: 'version' };
	const { kind, payload } = envelope;
	const known = kind === 'snapshot' || kind === 'event' || kind === 'ack' || kind === 'error';
	if (!known || typeof payload !== 'object' || payload === null) {
		return { ok: false, why: 'malformed' };
	}
	const frame = { kind, sessionId: envelope.sessionId ?? null, seq: envelope.seq ?? 0, payload };
	return { ok: true, frame: frame as IncomingFrame };
};

/** Writes one frame of the client. `seq` counts the frames of the connection. */
export const encodeFrame = (payload: OutgoingPayload, seq: number, nowMs: number): string => {
	const isCommand = payload.type.startsWith('session.') || payload.type.startsWith('repo.');
	const sessionId = typeof payload.sessionId === 'string' ? payload.sessionId : null;
	return JSON.stringify({
		v: ENVELOPE_VERSION,
		kind: isCommand ? 'command' : 'subscribe',
		sessionId,
		ts: new Date(nowMs).toISOString(),
		seq,
		payload
	});
};
