/** How a session's runner shall start its agent. */
import type { AgentOptions } from '@agent-manager/protocol/runner-frames.ts';
import type { RepoRow } from '#lib/server/db/repos.ts';
import type { SessionContext } from './session-context.ts';
import { composeSystemPrompt } from './session-prompts.ts';
import type { SessionCell } from './session-view.ts';

export const agentOptionsFor = (
	context: SessionContext,
	cell: SessionCell,
	repo: RepoRow
): AgentOptions => {
	const { row, state } = cell;
	const { conversation } = state;
	const messageIds = conversation?.messageIds ?? [];
	return {
		role: row.role,
		model: state.model,
		effort: state.effort,
		permissionMode: state.permissionMode,
		conversationId: conversation?.id ?? row.conversationId,
		hasConversation: conversation === null && state.usage.outputTokens > 0,
		rewound: messageIds.length > 0 ? { messageIds } : null,
		fork: row.fork && {
			conversationId: row.fork.conversationId,
			messageIds: row.fork.messageIds
		},
		systemPromptAppend: composeSystemPrompt({
			role: row.role,
			baseSystemPrompt: context.baseSystemPrompt,
			additionalInstructions: row.additionalInstructions,
			repoName: `${repo.owner}/${repo.name}`,
			branchName: row.branchName,
			baseBranch: row.baseBranch
		})
	};
};
