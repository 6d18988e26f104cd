import * as z from 'zod';

/**
 * Every expected failure a person or a program can meet. Closed: a new code needs a row in the
 * app's error table, which the type checker asks for.
 */
export const errorCodeSchema = z.enum([
	// the request itself
	'bad_request',
	'unauthorized',
	'forbidden_origin',
	'forbidden_host',
	'not_found',
	'method_not_allowed',
	'payload_too_large',
	'unsupported_protocol',
	'idempotency_conflict',
	// repos
	'repo_not_found',
	'repo_exists',
	'repo_url_invalid',
	'repo_host_not_allowed',
	'repo_path_invalid',
	'repo_unreachable',
	'repo_auth_required',
	'repo_missing_remote',
	'repo_empty',
	'repo_busy',
	'repo_in_use',
	'repo_not_ready',
	'repo_unpushed_commits',
	// sessions
	'session_not_found',
	'session_not_live',
	'session_not_resumable',
	'session_live',
	'session_busy',
	'session_purged',
	'orchestrator_exists',
	'branch_invalid',
	'branch_exists',
	'base_branch_not_found',
	'prompt_invalid',
	'decision_not_pending',
	'message_not_queued',
	'rule_invalid',
	'rule_limit',
	'queue_full',
	'prompts_full',
	'attachment_invalid',
	'nothing_to_do',
	'push_refused',
	'push_rejected',
	'merge_conflict',
	'worktree_not_ready',
	'orchestrator_limit',
	'not_permitted',
	// what a session stands on
	'sandbox_unavailable',
	'sandbox_image_missing',
	'sandbox_start_failed',
	'sandbox_died',
	'session_files_lost',
	'workspace_gone',
	'engine_unreachable',
	'runner_not_connected',
	'runner_protocol',
	'agent_failed',
	'disk_full',
	'git_missing',
	'git_failed',
	'git_timeout',
	'database_unreachable',
	// model and GitHub
	'model_auth',
	'model_limit',
	'model_unreachable',
	'github_not_signed_in',
	'github_unreachable',
	'github_rate_limited',
	'github_forbidden',
	'github_refused',
	'pull_request_exists',
	'branch_not_pushed',
	// the rest
	'starting_up',
	'shutting_down',
	'not_leader',
	'not_supported',
	'internal'
]);
export type ErrorCode = z.infer<typeof errorCodeSchema>;

/** An error on any wire. `message` says what is wrong, `hint` what to do about it. */
export const wireErrorSchema = z.object({
	code: errorCodeSchema,
	message: z.string(),
	hint: z.string().optional(),
	details: z.record(z.string(), z.unknown()).optional()
});
export type WireError = z.infer<typeof wireErrorSchema>;

/** The body of every HTTP answer that is not 2xx. */
export const errorBodySchema = z.object({ error: wireErrorSchema });
