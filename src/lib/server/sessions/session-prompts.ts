/** What a session's agent is told before the person's first word. */
import type { Role } from '@agent-manager/protocol/session.ts';

export interface SessionPromptInput {
	role: Role;
	baseSystemPrompt: string;
	additionalInstructions: string | null;
	repoName: string;
	branchName: string;
	baseBranch: string;
}

export const DEFAULT_BASE_SYSTEM_PROMPT =
	'You work in a sandbox of your own on a checkout of one repository. ' +
	'Commit your work on the current branch in small steps with clear messages; do not push and do not switch branches. ' +
	'There is no network but package registries.';

const ROLE_PROMPTS: Record<Role, string> = {
	implementer:
		'You implement what the person asks for, and check it before you say that it is done.',
	orchestrator:
		'You oversee the work on this repository: you plan it, split it, and look at results. You do not implement it yourself.'
};

/** Appended to Claude Code's own system prompt. */
export const composeSystemPrompt = (input: SessionPromptInput): string =>
	[
		input.baseSystemPrompt,
		ROLE_PROMPTS[input.role],
		`Repository: ${input.repoName}. Your branch: ${input.branchName}, started from ${input.baseBranch}.`,
		input.additionalInstructions ?? ''
	]
		.filter((part) => part.trim() !== '')
		.join('\n\n');
