/** Makes a session's row with its first events and its first message in the queue, in one transaction. */
import pLimit from 'p-limit';
import type { Attachment } from '@agent-manager/protocol/attachments.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import type { StartSession } from '@agent-manager/protocol/requests.ts';
import type { ManagerEventPayload, SessionEvent } from '@agent-manager/protocol/events.ts';
import { checkBranchSuffix, isBranchName, slugBranch } from '#lib/domain/branch-name.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { ForkPoint } from '#lib/domain/fork-point.ts';
import { evolve } from '#lib/domain/session-machine.ts';
import { initialSessionState } from '#lib/domain/session-state.ts';
import type { ManagerEvent } from '#lib/domain/session-decisions.ts';
import { claimDraftAttachments } from '#lib/server/db/attachments.ts';
import type { Database } from '#lib/server/db/client.ts';
import { violatedConstraint } from '#lib/server/db/connection-errors.ts';
import { appendEvents } from '#lib/server/db/event-log.ts';
import type { RepoRow } from '#lib/server/db/repos.ts';
import {
	findLiveOrchestrator,
	findReceipt,
	findSession,
	insertSession,
	type SessionRow
} from '#lib/server/db/sessions.ts';
import { toStorable } from '#lib/server/db/storable-json.ts';
import { AttachmentService } from './attachment-service.ts';
import type { CommandRequest } from './session-log.ts';
import { toCell, toSession, type SessionCell } from './session-view.ts';

export interface SessionCreationOptions {
	db: Database;
	now: () => Date;
	newId: () => string;
	findRepo: (id: RepoId) => Promise<RepoRow | null>;
	/** Is there such a branch on the repo, and is the session's branch still free in its mirror? */
	hasBaseBranch: (repo: RepoRow, branch: string) => Promise<boolean>;
	isBranchFree: (repo: RepoRow, branchName: string) => Promise<boolean>;
	/** Has the mirror commits of this session's branch? */
	hasSessionBranch: (repo: RepoRow, branchName: string) => Promise<boolean>;
	/** The session is committed. */
	onCreated: (row: SessionRow) => void;
}

/** A hundred at once would wait for each other's connections until they are refused for it. */
const AT_ONCE = 4;

const TITLE_MAX = 80;

/** The first line that says something, cut at a word. */
export const titleOf = (prompt: string): string => {
	const line = prompt.split('\n').find((candidate) => candidate.trim() !== '') ?? '';
	const text = line.replace(/\s+/g, ' ').trim();
	if (text.length <= TITLE_MAX) return text;
	const cut = text.slice(0, TITLE_MAX);
	const space = cut.lastIndexOf(' ');
	// Never in the middle of a character that takes two units.
	const whole = cut.replace(/[\uD800-\uDBFF]$/, '');
	return `${space > TITLE_MAX / 2 ? cut.slice(0, space) : whole}…`;
};

/** An orchestrator that starts a session. */
export interface StartedBy {
	sessionId: SessionId;
	/** Begin from this session's branch instead of one of the repo's. */
	baseSessionId?: SessionId;
	/** Why it may start no more. Asked for what is new only: an answer that was given is given again. */
	refusal: () => Promise<WireError | null>;
}

/** What a fork has of the session that it is one of. */
export interface ForkSource {
	point: ForkPoint;
	base: Base;
}

interface Base {
	baseBranch: string;
	baseSessionId: SessionId | null;
}

interface Draft {
	row: SessionRow;
	events: SessionEvent[];
	attachments: Attachment[];
}

/** Another start has taken what this one was to begin with. */
class AttachmentsTaken extends Error {}

const firstFacts = (
	created: ManagerEventPayload<'session.created'>,
	message: { commandId: string; text: string; attachments?: Attachment[] },
	by: StartedBy | undefined,
	fork: ForkSource | undefined
): ManagerEvent[] => {
	const starter = {
		...(by ? { startedBy: by.sessionId } : {}),
		...(fork ? { forkedFrom: { sessionId: fork.point.sessionId, seq: fork.point.seq } } : {})
	};
	const sender = by
		? { from: 'orchestrator' as const, fromSession: by.sessionId }
		: { from: 'person' as const };
	return [
		{ type: 'session.created', payload: { ...created, ...starter } },
		{ type: 'message.accepted', payload: { ...message, ...sender } },
		{ type: 'session.start_requested', payload: { reason: 'created', epoch: 1 } }
	];
};

export class SessionCreation {
	readonly #options: SessionCreationOptions;
	readonly #attachments: AttachmentService;
	readonly #inTurn = pLimit(AT_ONCE);

	constructor(options: SessionCreationOptions) {
		this.#options = options;
		this.#attachments = new AttachmentService(options.db);
	}

	create(
		repoId: RepoId,
		request: StartSession,
		command: CommandRequest,
		by?: StartedBy,
		fork?: ForkSource
	): Promise<Result<JsonObject, WireError>> {
		return this.#inTurn(() => this.#createOnce(repoId, request, command, by, fork));
	}

	async #createOnce(
		repoId: RepoId,
		request: StartSession,
		command: CommandRequest,
		by: StartedBy | undefined,
		fork: ForkSource | undefined
	): Promise<Result<JsonObject, WireError>> {
		const known = await this.#knownAnswer(command);
		if (known) return known;
		const created = await this.#createNew(repoId, request, command, by, fork);
		// The same request may have come twice at once: then the other one is what it was refused for.
		return created.ok ? created : ((await this.#knownAnswer(command)) ?? created);
	}

	async #knownAnswer({
		id,
		requestHash
	}: CommandRequest): Promise<Result<JsonObject, WireError> | null> {
		const receipt = await findReceipt(this.#options.db, id);
		if (!receipt) return null;
		return receipt.requestHash === requestHash
			? ok(receipt.answer)
			: fail(
					wireError('idempotency_conflict', 'This idempotency key was used for another request.')
				);
	}

	async #createNew(
		repoId: RepoId,
		request: StartSession,
		command: CommandRequest,
		by: StartedBy | undefined,
		fork: ForkSource | undefined
	): Promise<Result<JsonObject, WireError>> {
		const repo = await this.#options.findRepo(repoId);
		if (!repo) return fail(wireError('repo_not_found', 'There is no repo with this id.'));
		const refusal = await by?.refusal();
		if (refusal) return fail(refusal);
		const checked = fork ? ok(fork.base) : await this.#check(repo, request, by);
		if (!checked.ok) return checked;
		const attachments = await this.#attachments.describe(
			{ kind: 'repo', id: repoId },
			request.attachments ?? []
		);
		if (!attachments.ok) return attachments;
		const draft = this.#draft(repo, request, checked.value, attachments.value, by, fork);
		if (!draft.ok) return draft;
		if (!(await this.#options.isBranchFree(repo, draft.value.row.branchName))) {
			return fail(this.#branchExists(draft.value.row.branchName));
		}
		return this.#insert(repoId, draft.value, command);
	}

	async #check(
		repo: RepoRow,
		request: StartSession,
		by: StartedBy | undefined
	): Promise<Result<Base, WireError>> {
		if (repo.status === 'cloning') {
			return fail(wireError('repo_not_ready', `${repo.owner}/${repo.name} is still being cloned.`));
		}
		if (repo.status === 'error' && !repo.fetchedAt) {
			return fail(repo.error ?? wireError('repo_not_ready', 'The repo could not be cloned.'));
		}
		if (by?.baseSessionId !== undefined) return this.#checkBaseSession(repo, by.baseSessionId);
		const baseBranch = request.baseBranch ?? repo.defaultBranch;
		if (!baseBranch) {
			return fail(wireError('repo_empty', 'The repository has no commits yet.'));
		}
		if (!isBranchName(baseBranch)) {
			return fail(wireError('branch_invalid', 'The base is not the name of a branch.'));
		}
		if (!(await this.#options.hasBaseBranch(repo, baseBranch))) {
			return fail(
				wireError('base_branch_not_found', `There is no branch “${baseBranch}” on this repo.`)
			);
		}
		return ok({ baseBranch, baseSessionId: null });
	}

	async #checkBaseSession(repo: RepoRow, id: SessionId): Promise<Result<Base, WireError>> {
		const base = await findSession(this.#options.db, id);
		if (!base || base.repoId !== repo.id) {
			return fail(wireError('session_not_found', 'There is no session with this id on this repo.'));
		}
		if (!(await this.#options.hasSessionBranch(repo, base.branchName))) {
			return fail(
				wireError('base_branch_not_found', 'That session has no commits to begin from yet.', {
					hint: 'Wait until it has committed something.'
				})
			);
		}
		return ok({ baseBranch: base.branchName, baseSessionId: id });
	}

	#draft(
		repo: RepoRow,
		request: StartSession,
		{ baseBranch, baseSessionId }: Base,
		attachments: Attachment[],
		by: StartedBy | undefined,
		fork: ForkSource | undefined
	): Result<Draft, WireError> {
		const id = this.#options.newId();
		const shortId = id.replaceAll('-', '').slice(-6);
		const suffix = request.branchSuffix ?? slugBranch(request.goalPrompt, shortId);
		const valid = checkBranchSuffix(suffix);
		if (!valid.ok) return valid;
		const branchName = `agent/${suffix}`;
		const model = request.model ?? null;
		const now = this.#options.now();
		const { role, goalPrompt, permissionMode, effort = null } = request;
		const created = { role, branchName, baseBranch, goalPrompt, model, permissionMode, effort };
		const message = {
			commandId: this.#options.newId(),
			text: goalPrompt,
			...(attachments.length > 0 && { attachments })
		};
		const facts = firstFacts(created, message, by, fork);
		const events = facts.map((fact, index): SessionEvent => ({
			seq: index + 1,
			ts: now.toISOString(),
			source: 'manager',
			...fact
		}));
		const row: SessionRow = {
			id,
			repoId: repo.id,
			role,
			startedBy: by?.sessionId ?? null,
			baseSessionId,
			fork: fork?.point ?? null,
			title: titleOf(goalPrompt),
			goalPrompt,
			additionalInstructions: request.additionalInstructions ?? null,
			branchName,
			baseBranch,
			model,
			permissionMode,
			conversationId: this.#options.newId(),
			epoch: 0,
			status: 'starting',
			state: initialSessionState(),
			pinnedAt: null,
			archivedAt: null,
			lastSeq: 0,
			lastN: 0,
			lastCommand: 0,
			createdAt: now,
			updatedAt: now
		};
		return ok({ row, events, attachments });
	}

	async #insert(
		repoId: RepoId,
		{ row, events, attachments }: Draft,
		command: CommandRequest
	): Promise<Result<JsonObject, WireError>> {
		const state = events.reduce(evolve, row.state);
		const from = { lastSeq: 0, lastN: 0, lastCommand: 0, epoch: 0 };
		const to = { lastSeq: events.length, lastN: 0, lastCommand: 0, epoch: 1 };
		const cell: SessionCell = { ...toCell(row), position: to, state };
		const answer = { commandId: command.id, session: toSession(cell, null) };
		try {
			await this.#options.db.transaction(async (tx) => {
				await insertSession(tx, row);
				const ids = attachments.map(({ id }) => id);
				if (!(await claimDraftAttachments(tx, repoId, cell.id, ids))) throw new AttachmentsTaken();
				await appendEvents(tx, {
					sessionId: cell.id,
					from,
					to,
					state,
					updatedAt: row.updatedAt,
					events: events.map((event) => ({ ...event, n: null, stored: toStorable(event.payload) })),
					runnerCommands: [],
					receipt: { ...command, answer }
				});
			});
		} catch (cause) {
			return this.#refused(cause, repoId, row.branchName);
		}
		const stored = await findSession(this.#options.db, cell.id);
		if (stored) this.#options.onCreated(stored);
		return ok(answer);
	}

	async #refused(
		cause: unknown,
		repoId: RepoId,
		branchName: string
	): Promise<Result<never, WireError>> {
		if (cause instanceof AttachmentsTaken) {
			return fail(wireError('not_found', 'Another session has taken the attachments.'));
		}
		switch (violatedConstraint(cause)) {
			case 'commands_pkey':
				return fail(wireError('internal', 'The receipt is gone.'));
			case 'sessions_branch':
				return fail(this.#branchExists(branchName));
			case 'sessions_live_orchestrator': {
				const sessionId: SessionId | null = await findLiveOrchestrator(this.#options.db, repoId);
				return fail(
					wireError('orchestrator_exists', 'This repo has a live orchestrator.', {
						details: { sessionId }
					})
				);
			}
			default:
				throw cause;
		}
	}

	#branchExists(branchName: string): WireError {
		return wireError('branch_exists', `The branch “${branchName}” exists already.`);
	}
}
