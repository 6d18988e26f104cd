/** What each tool is given, and how it is written down: one file for each kind of deed. */
import { createHash } from 'node:crypto';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import {
	commandIdSchema,
	sessionIdSchema,
	type CommandId,
	type SessionId
} from '@agent-manager/protocol/ids.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import type { Repo } from '@agent-manager/protocol/repo.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import * as z from 'zod';
import { wireError } from '#lib/domain/errors.ts';
import type { OrchestratorCaps } from '#lib/domain/orchestrator-policy.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { SessionService } from '#lib/server/sessions/session-service.ts';

/** Who calls: an orchestrator through its door, or a program with the person's token. */
export type Caller = { kind: 'orchestrator'; session: Session } | { kind: 'person' };

export interface ToolContext {
	caller: Caller;
	sessions: SessionService;
	repos: () => Promise<Repo[]>;
	caps: OrchestratorCaps;
	/** One start after the other: caps are counted in between. */
	inTurn: <T>(work: () => Promise<T>) => Promise<T>;
	now: () => Date;
	newId: () => string;
}

export type Answer = Promise<Result<JsonObject, WireError>>;

export interface Tool<S extends z.ZodObject = z.ZodObject> {
	name: string;
	description: string;
	input: S;
	readOnly: boolean;
	/** Left out: for both. Some are of no use to who has no session, others to who has one repo. */
	onlyFor?: Caller['kind'];
	run: (context: ToolContext, input: z.output<S>) => Answer;
}

export const tool = <S extends z.ZodObject>(it: Tool<S>): Tool => it as unknown as Tool;

export const sessionIdInput = sessionIdSchema.describe('Id of a session.');

export const keyInput = z
	.string()
	.min(1)
	.max(200)
	.optional()
	.describe(
		'Any words of your own. The same call with the same key is done once and answered again: give one, and repeat it when an answer did not come.'
	);

/** A caller's words as the key of a command: another caller's, or another tool's, are another key. */
export const commandKey = (
	{ caller }: Pick<ToolContext, 'caller'>,
	toolName: string,
	key: string | undefined
): CommandId | undefined => {
	if (key === undefined) return undefined;
	const who = caller.kind === 'orchestrator' ? caller.session.id : caller.kind;
	const hash = createHash('sha256')
		.update(JSON.stringify([who, toolName, key]))
		.digest('hex');
	// Version 8 of RFC 9562: bits of one's own.
	const parts = /^(.{8})(.{4}).(.{3}).(.{3})(.{12})/.exec(hash)?.slice(1) ?? [];
	const [a, b, c, d, e] = parts;
	return commandIdSchema.parse(`${a}-${b}-8${c}-8${d}-${e}`);
};

const unknown = () => fail(wireError('session_not_found', 'There is no session with this id.'));

/** The session, if the caller may see it: an orchestrator sees its own repo's. */
export const visibleSession = async (
	{ caller, sessions }: ToolContext,
	id: SessionId
): Promise<Result<Session, WireError>> => {
	const found = await sessions.get(id);
	if (!found.ok) return unknown();
	const isForeign = caller.kind === 'orchestrator' && found.value.repoId !== caller.session.repoId;
	return isForeign ? unknown() : found;
};

/** The session, if the caller may steer it: an orchestrator steers those that it started. */
export const steeredSession = async (
	context: ToolContext,
	id: SessionId
): Promise<Result<Session, WireError>> => {
	const found = await visibleSession(context, id);
	if (!found.ok || context.caller.kind === 'person') return found;
	if (found.value.startedBy === context.caller.session.id) return found;
	return fail(
		wireError('not_permitted', 'Only sessions that you started are yours to steer.', {
			hint: 'You can read it and wait for it.'
		})
	);
};

/** A session in a few fields. */
export const briefly = (session: Session): JsonObject => ({
	session_id: session.id,
	title: session.title,
	role: session.role,
	status: session.status,
	waiting_for: session.waitingFor,
	branch: session.branchName,
	base_branch: session.baseBranch,
	commits: session.commitCount,
	turns: session.turns,
	asks: session.pending.length,
	started_by: session.startedBy,
	error: session.error?.message ?? null,
	updated_at: session.updatedAt
});

/** What a command came to: the session as it is now. */
export const briefAnswer = (
	answered: Result<JsonObject, WireError>
): Result<JsonObject, WireError> => {
	if (!answered.ok) return answered;
	return ok(briefly((answered.value as unknown as { session: Session }).session));
};
