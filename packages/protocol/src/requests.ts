import * as z from 'zod';
import { ATTACHMENT_LIMITS } from './attachments.ts';
import { commandIdSchema, seqSchema } from './ids.ts';
import { jsonObjectSchema } from './json.ts';
import {
	effortSchema,
	modelNameSchema,
	permissionModeSchema,
	roleSchema,
	ruleScopeSchema,
	ruleTextSchema
} from './session.ts';

/** A prompt is at most this many bytes of UTF-8. */
export const PROMPT_MAX_BYTES = 1_048_576;

const utf8Bytes = (text: string): number => {
	let bytes = 0;
	for (const char of text) {
		const point = char.codePointAt(0) ?? 0;
		bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
	}
	return bytes;
};

const isShortEnough = (text: string): boolean => utf8Bytes(text) <= PROMPT_MAX_BYTES;
const TOO_LONG = 'must be at most 1 MiB of UTF-8';

/** What a person says to an agent: not blank, at most 1 MiB. */
export const promptSchema = z
	.string()
	.refine((text) => text.trim().length > 0, 'must not be empty')
	.refine(isShortEnough, TOO_LONG);

/** `POST /api/repos`. */
export const registerRepoSchema = z.strictObject({
	/** `owner/name`, a git URL, or the absolute path of a local repository. */
	url: z.string().trim().min(1).max(4096)
});
export type RegisterRepo = z.infer<typeof registerRepoSchema>;

/** `POST /api/repos/{id}/sessions`, and the payload of `session.start`. */
export const startSessionSchema = z.strictObject({
	role: roleSchema.default('implementer'),
	goalPrompt: promptSchema,
	/** Default: the repo's default branch. */
	baseBranch: z.string().min(1).max(250).optional(),
	/** The branch will be `agent/<branchSuffix>`. Default: a slug of the prompt with a short id. */
	branchSuffix: z.string().min(1).max(200).optional(),
	model: modelNameSchema.optional(),
	effort: effortSchema.optional(),
	additionalInstructions: z.string().max(65_536).optional(),
	permissionMode: permissionModeSchema.default('full'),
	/** Ids of what was uploaded to the repo before; they become the session's. */
	attachments: z.array(z.uuid()).max(ATTACHMENT_LIMITS.perMessage).optional()
});
export type StartSession = z.infer<typeof startSessionSchema>;

/** `POST /api/sessions/{id}/fork`: a new session on a branch of its own, from what was when a turn had ended. */
export const forkSchema = z.strictObject({
	/** The newest turn that had ended by this event is the last one that the fork knows of. */
	atSeq: seqSchema,
	/** The fork's first prompt. */
	message: promptSchema,
	/** The branch will be `agent/<branchSuffix>`. Default: a slug of the prompt with a short id. */
	branchSuffix: z.string().min(1).max(200).optional()
});
export type Fork = z.infer<typeof forkSchema>;

/** A title is at most this many UTF-16 code units. */
export const TITLE_MAX_LENGTH = 200;

/** `POST /api/sessions/{id}/rename`, and the payload of `session.rename`. */
export const renameSchema = z.strictObject({
	title: z
		.string()
		.max(TITLE_MAX_LENGTH)
		.refine((title) => title.trim().length > 0, 'must not be empty')
});
export type Rename = z.infer<typeof renameSchema>;

/** Query of `GET /api/repos/{id}/sessions`. */
export const sessionsQuerySchema = z.strictObject({
	/** The archived ones instead of the others. */
	archived: z.stringbool().default(false)
});

/** `POST /api/sessions/{id}/messages`, and the payload of `session.send_message`. */
export const sendMessageSchema = z.strictObject({
	/** Blank only with attachments. */
	message: z.string().refine(isShortEnough, TOO_LONG),
	/** Into the turn that runs. Without one it is a message like any other. */
	steer: z.boolean().optional(),
	/** Ids of what was uploaded before. */
	attachments: z.array(z.uuid()).max(ATTACHMENT_LIMITS.perMessage).optional()
});
export type SendMessage = z.infer<typeof sendMessageSchema>;

/** `PATCH /api/sessions/{id}/messages/{messageId}`, and the payload of `session.edit_message`. */
export const editMessageSchema = z.strictObject({ message: promptSchema });

/** `POST /api/sessions/{id}/messages/{messageId}/move`, and the payload of `session.move_message`. */
export const moveMessageSchema = z.strictObject({
	/** The queued message that it shall stand before; null: last. */
	before: commandIdSchema.nullable()
});
export type MoveMessage = z.infer<typeof moveMessageSchema>;

/** So many messages wait in a session's queue at most. */
export const QUEUE_MAX = 100;

/** `POST /api/sessions/{id}/configure`: what is left out stays as it is. It acts at once, also in a turn. */
export const configureSchema = z.strictObject({
	permissionMode: permissionModeSchema.optional(),
	/** null: the agent's default. */
	model: modelNameSchema.nullable().optional(),
	effort: effortSchema.nullable().optional()
});
export type Configure = z.infer<typeof configureSchema>;

/** `POST /api/sessions/{id}/decide`: answers an approval, a question or a plan. */
export const decideSchema = z.strictObject({
	requestId: z.string().min(1).max(200),
	decision: z.enum(['allow', 'deny']),
	/** Said to the model when denied. */
	message: z.string().max(65_536).optional(),
	/** Replaces the tool's input when allowed; answers to a question go in `answers` of it. */
	updatedInput: jsonObjectSchema.optional(),
	/** With the approval of a plan: the mode to go on in. Default: the one before the plan. */
	permissionMode: permissionModeSchema.exclude(['plan']).optional(),
	/** With leave for a tool: the rules by which the like is allowed from now on. */
	remember: z
		.strictObject({ scope: ruleScopeSchema, rules: z.array(ruleTextSchema).min(1).max(20) })
		.optional()
});
export type Decide = z.infer<typeof decideSchema>;

/** `POST /api/sessions/{id}/rules`: changes what the session may do without asking. */
export const sessionRulesSchema = z.strictObject({
	add: z.array(ruleTextSchema).max(20).default([]),
	remove: z.array(ruleTextSchema).max(100).default([])
});
export type SessionRules = z.infer<typeof sessionRulesSchema>;

/** `POST /api/repos/{id}/rules`. */
export const repoRuleRequestSchema = z.strictObject({
	rule: ruleTextSchema,
	/** The rule in whose place it comes. */
	replaces: ruleTextSchema.optional()
});
export type RepoRuleRequest = z.infer<typeof repoRuleRequestSchema>;

/** Query of `DELETE /api/repos/{id}/rules`. */
export const repoRuleQuerySchema = z.strictObject({ rule: ruleTextSchema });

/** Query of `GET /api/sessions/{id}/events`. `after` reads forward, `before` backward. */
export const eventsQuerySchema = z
	.strictObject({
		after: z.coerce.number().pipe(seqSchema).optional(),
		before: z.coerce.number().pipe(seqSchema).optional(),
		limit: z.coerce.number().pipe(z.int().min(1).max(1000)).default(200)
	})
	.refine((q) => q.after === undefined || q.before === undefined, 'take after or before, not both');
export type EventsQuery = z.infer<typeof eventsQuerySchema>;

/** Query of `GET /api/repos/github`. */
export const githubQuerySchema = z.strictObject({
	q: z.string().max(200).default(''),
	page: z.coerce.number().pipe(z.int().min(1).max(1000)).default(1)
});

/** Header that makes a command exactly-once: the same key with the same body has one effect. */
export const IDEMPOTENCY_HEADER = 'idempotency-key';
export const idempotencyKeySchema = commandIdSchema;
