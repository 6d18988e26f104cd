/**
 * What a person, a program or an orchestrator may ask of sessions. Each command is decided, written
 * with its receipt and answered; making it so is the reconciler's.
 */
import { createHash } from 'node:crypto';
import type { GitActionRequest } from '@agent-manager/protocol/changes.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { CommandId, RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import type {
	Configure,
	Decide,
	Fork,
	MoveMessage,
	Rename,
	SessionRules,
	SendMessage,
	StartSession
} from '@agent-manager/protocol/requests.ts';
import type { Rewind, RewindPlan } from '@agent-manager/protocol/rewind.ts';
import type { MessageFrom, Session, SessionWait } from '@agent-manager/protocol/session.ts';
import type { Usage, UsageQuery } from '@agent-manager/protocol/usage.ts';
import { canonicalJson } from '#lib/domain/canonical-json.ts';
import { lastDays } from '#lib/domain/day-starts.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { PlainCommand } from '#lib/domain/plain-command.ts';
import { decide, type SessionCommand } from '#lib/domain/session-decisions.ts';
import { isLive } from '#lib/domain/session-machine.ts';
import { endWait, type WaitEnd } from '#lib/domain/session-wait.ts';
import type { Database } from '#lib/server/db/client.ts';
import { readUsage } from '#lib/server/db/history.ts';
import { listSessions, type SessionFilter } from '#lib/server/db/sessions.ts';
import { storableValue } from '#lib/server/db/storable-json.ts';
import { AttachmentService } from './attachment-service.ts';
import { toCell, type SessionCell } from './session-view.ts';
import type { SessionChanges } from './session-changes.ts';
import { forkSource, forkStart } from './session-fork.ts';
import { checkpointFor, rewindPlan, rewindPoint } from './session-rewind.ts';
import type { SessionCreation, StartedBy } from './session-creation.ts';
import type { CommandRequest, SessionLog } from './session-log.ts';
import { TranscriptPages } from './transcript-pages.ts';
import { TranscriptPlaces } from './transcript-places.ts';

export interface SessionServiceOptions {
	db: Database;
	log: SessionLog;
	creation: SessionCreation;
	changes: SessionChanges;
	newId: () => string;
}

export type Answered = Promise<Result<JsonObject, WireError>>;

const notFound = () => fail(wireError('session_not_found', 'There is no session with this id.'));

/** Identifies a request, so that the same key with another body is seen. */
const hashRequest = (what: string, body: unknown): string =>
	createHash('sha256')
		.update(canonicalJson([what, body]))
		.digest('hex');

const INPUT_MAX_DEPTH = 100;

/** Whatever walks it later may do so by recursion. */
const isTooDeep = (value: unknown, depth = 0): boolean =>
	typeof value === 'object' &&
	value !== null &&
	(depth >= INPUT_MAX_DEPTH || Object.values(value).some((child) => isTooDeep(child, depth + 1)));

export class SessionService {
	/** What a session has changed: lists and diffs. */
	readonly changes: SessionChanges;
	/** What is in a transcript. */
	readonly transcripts: TranscriptPages;
	/** Where in a transcript something is. */
	readonly places: TranscriptPlaces;
	/** Files that go along with messages. */
	readonly attachments: AttachmentService;
	readonly #options: SessionServiceOptions;

	constructor(options: SessionServiceOptions) {
		this.changes = options.changes;
		this.transcripts = new TranscriptPages(options.db, options.log);
		this.places = new TranscriptPlaces(options.db, options.log);
		this.attachments = new AttachmentService(options.db);
		this.#options = options;
	}

	/** `by`: the orchestrator that starts it; without it a person does. */
	start(repoId: RepoId, request: StartSession, key?: CommandId, by?: StartedBy): Answered {
		const command = {
			id: key ?? this.#newKey(),
			requestHash: hashRequest(
				`start ${repoId}`,
				by ? [request, by.baseSessionId ?? null] : request
			)
		};
		return this.#options.creation.create(repoId, storableValue(request), command, by);
	}

	/** A new session that goes on from what this one was when a turn had ended. */
	async fork(sessionId: SessionId, request: Fork, key?: CommandId): Answered {
		const cell = await this.#options.log.find(sessionId);
		if (!cell) return notFound();
		const source = await forkSource(this.#options.db, cell, request.atSeq);
		if (!source.ok) return source;
		const command = {
			id: key ?? this.#newKey(),
			requestHash: hashRequest(`fork ${sessionId}`, request)
		};
		const start = storableValue(forkStart(cell, request));
		return this.#options.creation.create(cell.repoId, start, command, undefined, source.value);
	}

	/** What a rewind to before the prompt whose turn began there would do. */
	async rewindPlan(sessionId: SessionId, atSeq: number): Promise<Result<RewindPlan, WireError>> {
		const cell = await this.#options.log.find(sessionId);
		if (!cell) return notFound();
		const point = await rewindPoint(this.#options.db, cell, atSeq);
		return point.ok ? ok(rewindPlan(point.value)) : point;
	}

	/** Back to before a prompt; how it ends shows in the session. */
	async rewind(sessionId: SessionId, request: Rewind, key?: CommandId): Answered {
		const cell = await this.#options.log.find(sessionId);
		if (!cell) return notFound();
		const { atSeq, files } = request;
		const point = await rewindPoint(this.#options.db, cell, atSeq);
		if (!point.ok) return point;
		const checkpoint = checkpointFor(point.value, files);
		if (!checkpoint.ok) return checkpoint;
		return this.#command(sessionId, request, 'rewind', key, (commandId) => ({
			type: 'rewind',
			...{ commandId, atSeq, checkpoint: checkpoint.value }
		}));
	}

	/** Takes the newest rewind back. */
	undoRewind(sessionId: SessionId, key?: CommandId): Answered {
		return this.#command(sessionId, {}, 'undo rewind', key, (commandId) => ({
			type: 'undo_rewind',
			commandId
		}));
	}

	/** `fromSession`: the orchestrator that says it. */
	async sendMessage(
		sessionId: SessionId,
		said: SendMessage,
		from: MessageFrom,
		key?: CommandId,
		fromSession?: SessionId
	): Answered {
		const attachments = await this.attachments.describe(
			{ kind: 'session', id: sessionId },
			said.attachments ?? []
		);
		if (!attachments.ok) return attachments;
		if (said.message.trim() === '' && attachments.value.length === 0) {
			return fail(wireError('bad_request', 'message: must not be empty'));
		}
		return this.#command(sessionId, said, 'message', key, (commandId) => ({
			type: 'message',
			commandId,
			text: storableValue(said.message),
			from,
			...(said.steer && { steer: true }),
			attachments: attachments.value,
			...(fromSession === undefined ? {} : { fromSession })
		}));
	}

	/** In the place of what the session waited for before; nothing once it is not live. */
	async registerWait(sessionId: SessionId, wait: SessionWait): Promise<void> {
		await this.#options.log.record(sessionId, ({ status }) =>
			isLive(status) ? [{ type: 'wait.registered', payload: wait }] : []
		);
	}

	/** Ends the wait and wakes who waited, in one write: however often it is asked for, it happens once. */
	async endWait(sessionId: SessionId, end: WaitEnd): Promise<void> {
		await this.#options.log.carryOut(sessionId, (state) => endWait(state, end));
	}

	async report(sessionId: SessionId, text: string): Promise<void> {
		await this.#options.log.record(sessionId, () => [
			{ type: 'session.reported', payload: { text: storableValue(text) } }
		]);
	}

	/** Changes a message that the agent has not got yet. */
	editMessage(sessionId: SessionId, messageId: CommandId, text: string, key?: CommandId): Answered {
		return this.#command(sessionId, { messageId, message: text }, 'edit', key, () => ({
			type: 'edit',
			messageId,
			text: storableValue(text)
		}));
	}

	removeMessage(sessionId: SessionId, messageId: CommandId, key?: CommandId): Answered {
		return this.#command(sessionId, { messageId }, 'remove', key, (commandId) => ({
			type: 'remove',
			commandId,
			messageId
		}));
	}

	/** Another place in the queue. */
	moveMessage(
		sessionId: SessionId,
		messageId: CommandId,
		{ before }: MoveMessage,
		key?: CommandId
	): Answered {
		return this.#command(sessionId, { messageId, before }, 'move', key, () => ({
			type: 'move',
			messageId,
			before
		}));
	}

	/** `bySession`: the orchestrator that decides. */
	async decide(
		sessionId: SessionId,
		answer: Decide,
		key?: CommandId,
		bySession?: SessionId
	): Answered {
		if (isTooDeep(answer.updatedInput)) {
			return fail(wireError('bad_request', 'updatedInput: is nested too deeply'));
		}
		return this.#command(sessionId, answer, 'decide', key, (commandId) => {
			const { message = null, updatedInput = null, ...rest } = storableValue(answer);
			const decider = bySession === undefined ? {} : { bySession };
			return { type: 'decide', commandId, ...rest, message, updatedInput, ...decider };
		});
	}

	/** Mode, model, effort: from now on. */
	configure(sessionId: SessionId, change: Configure, key?: CommandId): Answered {
		return this.#command(sessionId, change, 'configure', key, (commandId) => ({
			type: 'configure',
			commandId,
			...change
		}));
	}

	/** What the session may do without asking. */
	rules(sessionId: SessionId, change: SessionRules, key?: CommandId): Answered {
		return this.#command(sessionId, change, 'rules', key, () => ({
			type: 'rules',
			...storableValue(change)
		}));
	}

	plain(sessionId: SessionId, type: PlainCommand, key?: CommandId): Answered {
		return this.#command(sessionId, {}, type, key, (commandId) => {
			if (type === 'sleep') return { type, afterSeconds: 0 };
			return type === 'archive' ? { type, by: 'person' } : { type, commandId };
		});
	}

	/** A commit, a push or an update from base; how it ends shows in the session. */
	git(sessionId: SessionId, request: GitActionRequest, key?: CommandId): Answered {
		return this.#command(sessionId, { ...request }, `git ${request.kind}`, key, (commandId) => ({
			type: 'git',
			commandId,
			request: storableValue(request)
		}));
	}

	rename(sessionId: SessionId, { title }: Rename, key?: CommandId): Answered {
		return this.#command(sessionId, { title }, 'rename', key, () => ({
			type: 'rename',
			title: storableValue(title)
		}));
	}

	/** As the retention asks for it: nobody has sent a key, and asked twice it is archived once. */
	archiveOld(sessionId: SessionId): Answered {
		return this.#command(sessionId, {}, 'archive', undefined, () => ({
			type: 'archive',
			by: 'manager'
		}));
	}

	async get(sessionId: SessionId): Promise<Result<Session, WireError>> {
		const cell = await this.#options.log.find(sessionId);
		return cell ? ok(this.#options.log.show(cell)) : notFound();
	}

	/** Pinned ones first, then the newest; the archived ones only where they are asked for. */
	async list(filter: SessionFilter): Promise<Session[]> {
		const rows = await listSessions(this.#options.db, filter);
		return rows.map((row) => this.#options.log.show(toCell(row)));
	}

	async live(repoId: RepoId): Promise<Session[]> {
		const listed = await this.list({ repoId, archived: false });
		return listed.filter((session) => isLive(session.status));
	}

	/** What all sessions used in the last days. */
	usage({ days, timeZone }: UsageQuery, nowMs: number): Promise<Usage> {
		return readUsage(this.#options.db, lastDays(days, timeZone, nowMs));
	}

	find(sessionId: SessionId): Promise<SessionCell | null> {
		return this.#options.log.find(sessionId);
	}

	#newKey(): CommandId {
		return this.#options.newId() as CommandId;
	}

	#command(
		sessionId: SessionId,
		body: unknown,
		what: string,
		key: CommandId | undefined,
		make: (commandId: CommandId) => SessionCommand
	): Answered {
		const id = key ?? this.#newKey();
		const request: CommandRequest = { id, requestHash: hashRequest(`${what} ${sessionId}`, body) };
		return this.#options.log.command(sessionId, (state) => decide(state, make(id)), request);
	}
}
