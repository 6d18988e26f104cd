/**
 * The session's one way in or out: a unix socket in its door directory. The door knows tokens; what
 * happens behind it is given to it.
 */
import type { Server } from 'node:http';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { RUNNER_CLOSE } from '@agent-manager/protocol/runner-frames.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { createDoorServer, type DoorHandlers, type OpenSession } from './door-server.ts';
import { bindDoorSocket, DOOR_SOCKET, type BoundSocket } from './door-socket.ts';
import { digestToken, sameToken } from './door-token.ts';
import { systemNetwork, type EgressNetwork } from './egress-proxy.ts';
import { createSessionQueue } from './session-queue.ts';

export type { DoorHandlers, DoorSession } from './door-server.ts';

export interface DoorOpening {
	/** Absolute path of the session's door directory, which must exist. */
	directory: string;
	token: string;
	epoch: number;
}

export interface Door {
	/**
	 * Listens for this session. The same opening again changes nothing; a new token or epoch ends
	 * every connection of the old one. Errors: `disk_full`, `sandbox_start_failed`.
	 */
	open(sessionId: string, opening: DoorOpening): Promise<Result<void, WireError>>;
	/** Ends the session's connections; its token is worth nothing from here on. */
	close(sessionId: string): Promise<void>;
	/** Sessions whose door is open. */
	openSessions(): ReadonlySet<string>;
	/** The manager goes away: runners are told to come back. */
	closeAll(): Promise<void>;
}

export interface DoorOptions {
	handlers: DoorHandlers;
	logger: Logger;
	network?: EgressNetwork;
}

interface Entry {
	session: OpenSession;
	opening: DoorOpening;
	server: Server;
	bound: BoundSocket;
}

const CONNECTIONS_PER_SESSION = 256;
const CLOSE_GRACE_MS = 1_000;

const sameOpening = (a: DoorOpening, b: DoorOpening): boolean =>
	a.directory === b.directory && a.token === b.token && a.epoch === b.epoch;

function bindError(error: unknown): WireError {
	const code = (error as NodeJS.ErrnoException).code ?? '';
	const message = error instanceof Error ? error.message : String(error);
	if (code === 'ENOSPC')
		return wireError('disk_full', `The session's socket can't be made: ${message}`);
	return wireError('sandbox_start_failed', `The session's socket can't be made: ${message}`);
}

/** Tells the runners why, then ends whatever is still open. */
function hangUp(session: OpenSession, code: number, reason: string): void {
	for (const runner of session.runners) {
		runner.close(code, reason);
		setTimeout(() => runner.terminate(), CLOSE_GRACE_MS).unref();
	}
	for (const connection of session.connections) connection.destroy();
}

export function createDoor(options: DoorOptions): Door {
	const { handlers, logger, network = systemNetwork } = options;
	const entries = new Map<string, Entry>();
	const queue = createSessionQueue();

	async function shut(sessionId: string, code: number, reason: string): Promise<void> {
		const entry = entries.get(sessionId);
		if (!entry) return;
		entries.delete(sessionId);
		hangUp(entry.session, code, reason);
		const unbound = entry.bound.unbind();
		entry.server.closeAllConnections();
		await unbound.catch((error: unknown) => {
			logger.warn({ err: error, sessionId }, 'the door could not be removed');
		});
	}

	async function stillThere(entry: Entry): Promise<boolean> {
		const path = join(entry.opening.directory, DOOR_SOCKET);
		const found = await stat(path).catch(() => null);
		return entry.server.listening && (found?.isSocket() ?? false);
	}

	async function bind(sessionId: string, opening: DoorOpening): Promise<Result<void, WireError>> {
		const current = entries.get(sessionId);
		if (current && sameOpening(current.opening, opening) && (await stillThere(current)))
			return ok();
		// The same runner, whose socket somebody has removed, comes back to the new one.
		const isSame = current !== undefined && sameOpening(current.opening, opening);
		if (isSame) await shut(sessionId, RUNNER_CLOSE.goingAway, 'the door is made anew');
		else await shut(sessionId, RUNNER_CLOSE.fenced, 'a newer runner takes over');
		const session: OpenSession = {
			sessionId,
			epoch: opening.epoch,
			runners: new Set(),
			connections: new Set(),
			unsettled: 0
		};
		const digest = digestToken(opening.token);
		const server = createDoorServer({
			find: (token) => (sameToken(digestToken(token), digest) ? session : null),
			handlers,
			network,
			logger,
			maxConnections: CONNECTIONS_PER_SESSION
		});
		try {
			const bound = await bindDoorSocket(server, opening.directory);
			entries.set(sessionId, { session, opening, server, bound });
		} catch (error) {
			return fail(bindError(error));
		}
		server.on('error', (error) => logger.error({ err: error, sessionId }, 'door failed'));
		return ok();
	}

	return {
		open: (sessionId, opening) => queue.run(sessionId, () => bind(sessionId, opening)),
		close: (sessionId) =>
			queue.run(sessionId, () =>
				shut(sessionId, RUNNER_CLOSE.unauthorized, 'the session was closed')
			),
		openSessions: () => new Set([...entries.keys(), ...queue.busy()]),
		closeAll: async () => {
			const shutAll = [...new Set([...entries.keys(), ...queue.busy()])].map((sessionId) =>
				queue.run(sessionId, () => shut(sessionId, RUNNER_CLOSE.goingAway, 'the manager goes away'))
			);
			await Promise.all(shutAll);
		}
	};
}
