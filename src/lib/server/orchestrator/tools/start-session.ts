import { repoIdSchema, type RepoId } from '@agent-manager/protocol/ids.ts';
import { startSessionSchema, type StartSession } from '@agent-manager/protocol/requests.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import * as z from 'zod';
import { wireError } from '#lib/domain/errors.ts';
import { childPermissionMode, startRefusal } from '#lib/domain/orchestrator-policy.ts';
import { fail } from '#lib/domain/result.ts';
import {
	briefAnswer,
	commandKey,
	keyInput,
	sessionIdInput,
	tool,
	visibleSession,
	type Answer,
	type ToolContext
} from '../tool.ts';

const { goalPrompt, baseBranch, branchSuffix, model, additionalInstructions } =
	startSessionSchema.shape;

const inputSchema = z.strictObject({
	repo_id: repoIdSchema.optional().describe('Your own repository if left out.'),
	prompt: goalPrompt.describe('What the session shall do: all it needs to know.'),
	base_branch: baseBranch.describe('Branch of the repository; its default branch if left out.'),
	base_session_id: sessionIdInput
		.optional()
		.describe('Begin from this session’s branch instead, once it has commits.'),
	branch: branchSuffix.describe('The branch will be agent/<this>.'),
	model,
	instructions: additionalInstructions.describe('Added to its system prompt.'),
	permission_mode: z.enum(['full', 'ask']).optional(),
	key: keyInput
});
type Input = z.output<typeof inputSchema>;

const requestOf = (input: Input, permissionMode: StartSession['permissionMode']): StartSession => ({
	role: 'implementer',
	goalPrompt: input.prompt,
	permissionMode,
	...(input.base_branch && { baseBranch: input.base_branch }),
	...(input.branch && { branchSuffix: input.branch }),
	...(input.model && { model: input.model }),
	...(input.instructions && { additionalInstructions: input.instructions })
});

const keyOf = (context: ToolContext, { key }: Input) => commandKey(context, 'start_session', key);

const startAsPerson = async (context: ToolContext, input: Input): Answer => {
	if (input.repo_id === undefined) {
		return fail(wireError('bad_request', 'repo_id: say which repository.'));
	}
	if (input.base_session_id !== undefined) {
		return fail(wireError('bad_request', 'base_session_id: is for orchestrators.'));
	}
	const request = requestOf(input, input.permission_mode ?? 'full');
	return briefAnswer(await context.sessions.start(input.repo_id, request, keyOf(context, input)));
};

const startAsChild = async (context: ToolContext, own: Session, input: Input): Answer => {
	const { sessions, caps } = context;
	const repoId: RepoId = own.repoId;
	if (input.repo_id !== undefined && input.repo_id !== repoId) {
		return fail(wireError('repo_not_found', 'There is no repo with this id.'));
	}
	if (input.base_session_id !== undefined) {
		const base = await visibleSession(context, input.base_session_id);
		if (!base.ok) return base;
	}
	const request = requestOf(input, childPermissionMode(own.permissionMode, input.permission_mode));
	const by = {
		...{ sessionId: own.id, baseSessionId: input.base_session_id },
		refusal: async () => {
			const all = await sessions.list({ repoId });
			return startRefusal(
				own,
				all.filter(({ startedBy }) => startedBy === own.id),
				caps
			);
		}
	};
	return briefAnswer(await sessions.start(repoId, request, keyOf(context, input), by));
};

export const startSession = tool({
	name: 'start_session',
	description:
		'Starts a session: an agent of its own in its own sandbox, on its own branch. It knows nothing of this conversation. Answers at once; wait_for tells when it is at rest.',
	input: inputSchema,
	readOnly: false,
	run: (context, input) => {
		const { caller } = context;
		if (caller.kind === 'person') return startAsPerson(context, input);
		return context.inTurn(() => startAsChild(context, caller.session, input));
	}
});
