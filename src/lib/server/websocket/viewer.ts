/** What a subscription needs: the app's services, and the connection that it writes to. */
import type { Logger } from 'pino';
import type { Envelope } from '@agent-manager/protocol/browser-frames.ts';
import type { PartialMessage } from '@agent-manager/protocol/delta.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { RepoService } from '#lib/server/repos/repo-service.ts';
import type { Hub } from '#lib/server/sessions/hub.ts';
import type { SessionLog } from '#lib/server/sessions/session-log.ts';
import type { SessionService } from '#lib/server/sessions/session-service.ts';

export interface BrowserServices {
	sessions: SessionService;
	repos: RepoService;
	log: SessionLog;
	hub: Hub;
	partials: (sessionId: SessionId) => PartialMessage[];
	now: () => Date;
	/** What an error that nobody expected means for who asked. */
	explain: (cause: unknown) => WireError;
	logger: Logger;
}

export interface Viewer {
	/** Bytes that wait in the socket: who is slow shall cost bounded memory. */
	readonly bufferedBytes: number;
	send(
		kind: Envelope['kind'],
		sessionId: SessionId | null,
		seq: number | null,
		payload: object
	): void;
	/** As `send`, of a payload that is JSON text already. */
	sendJson(
		kind: Envelope['kind'],
		sessionId: SessionId | null,
		seq: number | null,
		payloadJson: string
	): void;
	/** Calls back when all that was sent has left this process. */
	whenWritten(callback: () => void): void;
	/** Sends an error; `re` names what it is about. */
	refuse(
		error: WireError,
		sessionId: SessionId | null,
		re?: string | null,
		commandId?: string
	): void;
	close(code: number, reason: string): void;
}
