/**
 * The tables. Only files of this folder import them, one file per aggregate.
 *
 * The event log is the truth; `sessions.state` and the columns beside it are projections of it,
 * written in the same transaction as the events they are folded from.
 */
import { sql } from 'drizzle-orm';
import {
	bigint,
	bigserial,
	boolean,
	customType,
	index,
	integer,
	json,
	jsonb,
	pgTable,
	primaryKey,
	text,
	timestamp,
	unique,
	uniqueIndex,
	uuid
} from 'drizzle-orm/pg-core';
import type { Attachment } from '@agent-manager/protocol/attachments.ts';
import type { EventMark, EventSource } from '@agent-manager/protocol/events.ts';
import type { PullRequest } from '@agent-manager/protocol/github.ts';
import type { RepoKind, RepoStatus } from '@agent-manager/protocol/repo.ts';
import type { PermissionMode, Role, SessionStatus } from '@agent-manager/protocol/session.ts';
import type { RunnerCommand } from '@agent-manager/protocol/runner-frames.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import type { ForkPoint } from '#lib/domain/fork-point.ts';
import type { SessionState } from '#lib/domain/session-state.ts';

const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

const moment = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });

export const repos = pgTable(
	'repos',
	{
		id: uuid('id').primaryKey(),
		kind: text('kind').$type<RepoKind>().notNull(),
		/** What makes it the same repo: the address, normalised; unique. */
		identity: text('identity').notNull(),
		owner: text('owner').notNull(),
		name: text('name').notNull(),
		url: text('url').notNull(),
		webUrl: text('web_url'),
		/** Folder of the mirror, relative to the workspace root. */
		mirrorPath: text('mirror_path').notNull(),
		defaultBranch: text('default_branch'),
		branches: jsonb('branches').$type<string[]>().notNull().default([]),
		status: text('status').$type<RepoStatus>().notNull(),
		error: jsonb('error').$type<WireError>(),
		fetchedAt: moment('fetched_at'),
		createdAt: moment('created_at').notNull().defaultNow()
	},
	(table) => [uniqueIndex('repos_identity').on(table.identity)]
);

/** What the sessions of a repo may do without asking. */
export const permissionRules = pgTable(
	'permission_rules',
	{
		repoId: uuid('repo_id')
			.notNull()
			.references(() => repos.id, { onDelete: 'cascade' }),
		/** As `ruleText` writes it: the same rule is the same text. */
		rule: text('rule').notNull(),
		createdAt: moment('created_at').notNull().defaultNow()
	},
	(table) => [primaryKey({ columns: [table.repoId, table.rule] })]
);

export const sessions = pgTable(
	'sessions',
	{
		id: uuid('id').primaryKey(),
		repoId: uuid('repo_id')
			.notNull()
			.references(() => repos.id, { onDelete: 'cascade' }),
		role: text('role').$type<Role>().notNull(),
		/** The orchestrator that started it, also when that is gone. */
		startedBy: uuid('started_by'),
		/** Set when it begins from another session's branch, which is `base_branch` then. */
		baseSessionId: uuid('base_session_id'),
		/** Set when it is a fork: what it goes on from. */
		fork: jsonb('fork').$type<ForkPoint>(),
		title: text('title').notNull(),
		goalPrompt: text('goal_prompt').notNull(),
		additionalInstructions: text('additional_instructions'),
		branchName: text('branch_name').notNull(),
		baseBranch: text('base_branch').notNull(),
		model: text('model'),
		permissionMode: text('permission_mode').$type<PermissionMode>().notNull(),
		/** The SDK's name for the conversation. */
		conversationId: uuid('conversation_id').notNull(),
		/** Newest epoch; an ingest of an older one changes nothing. */
		epoch: integer('epoch').notNull().default(0),
		/** Folded from the log. */
		status: text('status').$type<SessionStatus>().notNull(),
		state: jsonb('state').$type<SessionState>().notNull(),
		pinnedAt: moment('pinned_at'),
		archivedAt: moment('archived_at'),
		/** Head of the log, and the newest record number of the runner in it. */
		lastSeq: bigint('last_seq', { mode: 'number' }).notNull().default(0),
		lastN: bigint('last_n', { mode: 'number' }).notNull().default(0),
		/** Newest number of the command stream to the runner. */
		lastCommand: integer('last_command').notNull().default(0),
		createdAt: moment('created_at').notNull().defaultNow(),
		updatedAt: moment('updated_at').notNull().defaultNow()
	},
	(table) => [
		index('sessions_repo').on(table.repoId, table.createdAt),
		/** What a retention goes by. */
		index('sessions_archived')
			.on(table.archivedAt)
			.where(sql`archived_at is not null`),
		uniqueIndex('sessions_branch').on(table.repoId, table.branchName),
		/** One live orchestrator per repo. */
		uniqueIndex('sessions_live_orchestrator')
			.on(table.repoId)
			.where(sql`role = 'orchestrator' and status in ('starting', 'running', 'waiting')`)
	]
);

/** Events at which turns begin and end, and what waits between them: few, whatever the log's length. */
export const isBoundary = sql`(type in ('session.created', 'session.start_requested', 'session.idled', 'session.stopped', 'session.finished', 'session.failed', 'message.accepted', 'interrupt.requested', 'runner.turn_started', 'runner.turn_ended', 'runner.command_unknown_outcome', 'runner.message_steered', 'message.removed') or type like 'claude.result%')`;

/** What a reader looks for as an error: a session or turn that failed, a call that did. */
export const isFailure = sql`(type = 'session.failed' or (type like 'claude.result%' and payload->>'is_error' = 'true') or (type = 'claude.user' and payload @? '$.message.content[*] ? (@.is_error == true)'))`;

export const events = pgTable(
	'events',
	{
		// No foreign key: it would look the session up for each event, and events are written only in
		// the statement that moves the session's row.
		sessionId: uuid('session_id').notNull(),
		seq: bigint('seq', { mode: 'number' }).notNull(),
		/** The runner's own number; null for what the manager states. */
		n: bigint('n', { mode: 'number' }),
		ts: moment('ts').notNull(),
		source: text('source').$type<EventSource>().notNull(),
		type: text('type').notNull(),
		payload: jsonb('payload').$type<JsonObject>().notNull(),
		marks: jsonb('marks').$type<EventMark[]>()
	},
	(table) => [
		primaryKey({ columns: [table.sessionId, table.seq] }),
		unique('events_n').on(table.sessionId, table.n),
		index('events_boundaries').on(table.sessionId, table.seq).where(isBoundary),
		index('events_failures').on(table.sessionId, table.seq).where(isFailure)
	]
);

/** Whole bodies of events that are too large for the log's row, as the text that came. */
export const eventBodies = pgTable(
	'event_bodies',
	{
		sessionId: uuid('session_id').notNull(),
		seq: bigint('seq', { mode: 'number' }).notNull(),
		body: text('body').notNull()
	},
	(table) => [primaryKey({ columns: [table.sessionId, table.seq] })]
);

/** What goes along with messages. Events name it; it is fetched by its id, and goes with its session. */
export const attachments = pgTable(
	'attachments',
	{
		id: uuid('id').primaryKey(),
		sessionId: uuid('session_id')
			.notNull()
			.references(() => sessions.id, { onDelete: 'cascade' }),
		facts: jsonb('facts').$type<Attachment>().notNull(),
		body: bytes('body').notNull(),
		createdAt: moment('created_at').notNull().defaultNow()
	},
	(table) => [index('attachments_session').on(table.sessionId)]
);

/** The same for the first message of a session that is still to be started, in this repo. */
export const draftAttachments = pgTable(
	'draft_attachments',
	{
		id: uuid('id').primaryKey(),
		repoId: uuid('repo_id')
			.notNull()
			.references(() => repos.id, { onDelete: 'cascade' }),
		facts: jsonb('facts').$type<Attachment>().notNull(),
		body: bytes('body').notNull(),
		createdAt: moment('created_at').notNull().defaultNow()
	},
	(table) => [index('draft_attachments_repo').on(table.repoId)]
);

/** Words that a person keeps to say them again, in any session. */
export const savedPrompts = pgTable('saved_prompts', {
	id: uuid('id').primaryKey(),
	name: text('name').notNull(),
	text: text('text').notNull(),
	updatedAt: moment('updated_at').notNull()
});

/** What a client asked for under an idempotency key, and what it was answered. */
export const commands = pgTable('commands', {
	id: uuid('id').primaryKey(),
	/** Hash of route and body: the same key with another body is refused. */
	requestHash: text('request_hash').notNull(),
	sessionId: uuid('session_id'),
	/** `json`, not `jsonb`: the repeat of an answer is the same text. */
	answer: json('answer').$type<JsonObject>().notNull(),
	createdAt: moment('created_at').notNull().defaultNow()
});

/** The numbered stream of commands to a session's runner, kept until it has taken them. */
export const runnerCommands = pgTable(
	'runner_commands',
	{
		sessionId: uuid('session_id')
			.notNull()
			.references(() => sessions.id, { onDelete: 'cascade' }),
		num: integer('num').notNull(),
		command: jsonb('command').$type<RunnerCommand>().notNull(),
		takenAt: moment('taken_at')
	},
	(table) => [primaryKey({ columns: [table.sessionId, table.num] })]
);

/** What GitHub last said of a session's branch. */
export const pullLooks = pgTable('pull_looks', {
	sessionId: uuid('session_id')
		.primaryKey()
		.references(() => sessions.id, { onDelete: 'cascade' }),
	pull: jsonb('pull').$type<PullRequest>(),
	/** Answers with their ETags, so that the next look asks only whether something changed. */
	answers: jsonb('answers').$type<Record<string, { etag: string; data: unknown }>>().notNull(),
	/** The pushed commit that the look knew of: a push is looked at at once. */
	pushedCommit: text('pushed_commit'),
	checkedAt: moment('checked_at').notNull()
});

/** Model calls as the door saw them. */
export const modelCalls = pgTable(
	'model_calls',
	{
		id: bigserial('id', { mode: 'number' }).primaryKey(),
		sessionId: uuid('session_id')
			.notNull()
			.references(() => sessions.id, { onDelete: 'cascade' }),
		ts: moment('ts').notNull().defaultNow(),
		model: text('model').notNull(),
		inputTokens: integer('input_tokens').notNull(),
		outputTokens: integer('output_tokens').notNull(),
		cacheReadTokens: integer('cache_read_tokens').notNull(),
		cacheWriteTokens: integer('cache_write_tokens').notNull(),
		/** False when the answer was cut short. */
		complete: boolean('complete').notNull()
	},
	(table) => [index('model_calls_session').on(table.sessionId, table.ts)]
);
