/**
 * The one table that turns an error code into an HTTP status, a severity and what a person can do.
 * A code without a row is a type error.
 */
import type { ErrorCode, WireError } from '@agent-manager/protocol/errors.ts';

export type Severity = 'info' | 'warning' | 'error';

interface ErrorRow {
	httpStatus: number;
	severity: Severity;
	/** What to do about it, unless the place that made the error knows better. */
	hint: string | null;
}

const row = (httpStatus: number, severity: Severity, hint: string | null = null): ErrorRow => ({
	httpStatus,
	severity,
	hint
});

export const ERROR_TABLE: Record<ErrorCode, ErrorRow> = {
	bad_request: row(400, 'warning', 'Correct the named field and send it again.'),
	unauthorized: row(
		401,
		'warning',
		'Open the link that `npm start` printed, or send the token from ~/.agent-manager/token as a bearer.'
	),
	forbidden_origin: row(403, 'error', 'Open the app under the address that `npm start` printed.'),
	forbidden_host: row(403, 'error', 'Open the app under the address that `npm start` printed.'),
	not_found: row(404, 'warning'),
	method_not_allowed: row(405, 'warning'),
	payload_too_large: row(413, 'warning', 'Send less at once.'),
	unsupported_protocol: row(400, 'error', 'Reload the page: it is older or newer than the server.'),
	idempotency_conflict: row(409, 'warning', 'Use a new idempotency key for a different request.'),
	repo_not_found: row(404, 'warning', 'It may have been removed; go back to the list of repos.'),
	repo_exists: row(409, 'info', 'Open the repo that is there already.'),
	repo_url_invalid: row(
		400,
		'warning',
		'Give owner/name, an https or ssh git URL, or the absolute path of a local repository.'
	),
	repo_host_not_allowed: row(
		400,
		'warning',
		'Add the host to allowGitHosts in ~/.agent-manager/config.json if you trust it.'
	),
	repo_path_invalid: row(
		400,
		'warning',
		'Give the absolute path of a git repository outside the workspace folder.'
	),
	repo_unreachable: row(502, 'error', 'Check the network and the address, then refresh the repo.'),
	repo_auth_required: row(
		401,
		'error',
		'Sign in with `gh auth login`, or set up git credentials for this host.'
	),
	repo_missing_remote: row(
		404,
		'error',
		'Check the name; a private repository also needs `gh auth login`.'
	),
	repo_empty: row(409, 'warning', 'Push a first commit to it, then refresh the repo.'),
	repo_busy: row(409, 'info', 'Wait until it is done, then try again.'),
	repo_in_use: row(409, 'warning', 'Stop its sessions first, or force the removal.'),
	repo_not_ready: row(409, 'info', 'Wait until the clone is done.'),
	repo_unpushed_commits: row(
		409,
		'warning',
		'Push the named branches first, or force the removal: the commits are then saved to a file.'
	),
	session_not_found: row(404, 'warning', 'It may have been purged; go back to the repo.'),
	session_not_live: row(409, 'warning', 'Resume the session first.'),
	session_not_resumable: row(409, 'warning', 'It is live already.'),
	session_live: row(409, 'info', 'Stop or finish it first.'),
	session_busy: row(409, 'info', 'Wait until the agent is idle, or interrupt it.'),
	session_purged: row(410, 'warning'),
	orchestrator_limit: row(409, 'info', 'Wait until a session is at rest, or stop one.'),
	not_permitted: row(403, 'info'),
	orchestrator_exists: row(409, 'info', 'Open the orchestrator that is live already.'),
	branch_invalid: row(400, 'warning', 'Use letters, digits, dots, dashes and slashes.'),
	branch_exists: row(409, 'warning', 'Choose another branch name.'),
	base_branch_not_found: row(
		404,
		'warning',
		'Choose a branch that exists; refresh the repo if it is new.'
	),
	prompt_invalid: row(400, 'warning', 'Write a prompt of at most 1 MiB.'),
	decision_not_pending: row(409, 'info', 'It was answered already, or the turn has ended.'),
	message_not_queued: row(409, 'info', 'The agent has it already, or it was removed.'),
	rule_invalid: row(400, 'warning'),
	rule_limit: row(409, 'warning', 'Remove rules that are not needed any more.'),
	queue_full: row(409, 'warning', 'Wait until the agent has taken some, or remove some.'),
	prompts_full: row(409, 'warning', 'Remove saved prompts that you need no more.'),
	attachment_invalid: row(
		400,
		'warning',
		'Attach a whole PNG, JPEG, GIF or WebP image, or a text file.'
	),
	nothing_to_do: row(409, 'info'),
	push_refused: row(403, 'warning', 'Open a pull request, or merge the branch in your own clone.'),
	push_rejected: row(
		409,
		'warning',
		'Look at the branch on the server, then decide which one to keep.'
	),
	merge_conflict: row(409, 'warning', 'Let the agent solve it, or take the update back.'),
	worktree_not_ready: row(409, 'warning', 'Let the agent bring its worktree in order first.'),
	sandbox_unavailable: row(503, 'error', 'Run `npm run doctor`: it says what is missing.'),
	sandbox_image_missing: row(503, 'error', 'Build it with `npm run build:image`.'),
	sandbox_start_failed: row(500, 'error', 'Retry; if it fails again, run `npm run doctor`.'),
	sandbox_died: row(500, 'error', 'Resume the session: conversation and files are kept.'),
	session_files_lost: row(
		500,
		'error',
		'Resume the session: it goes on with what is left, and says what is not.'
	),
	workspace_gone: row(
		503,
		'error',
		'Put the folder back: the app goes on by itself. Agents go on meanwhile.'
	),
	engine_unreachable: row(503, 'error', 'Start the Docker engine, then retry.'),
	runner_not_connected: row(503, 'error', 'Retry the start.'),
	runner_protocol: row(500, 'error', 'Retry; if the app was just updated, rebuild the image.'),
	agent_failed: row(500, 'error', 'See the log of the agent step, then retry.'),
	disk_full: row(507, 'error', 'Free disk space under the workspace folder, then retry.'),
	git_missing: row(503, 'error', 'Install git, then retry.'),
	git_failed: row(502, 'error'),
	git_timeout: row(504, 'error', 'Try again; check the network if the repo is remote.'),
	database_unreachable: row(
		503,
		'error',
		'Check DATABASE_URL, or unset it to use the embedded database.'
	),
	model_auth: row(
		502,
		'error',
		'Sign in with `claude` or set ANTHROPIC_API_KEY, then send the message again.'
	),
	model_limit: row(503, 'warning', 'Wait until the limit resets, then send the message again.'),
	model_unreachable: row(502, 'error', 'Check the network, then send the message again.'),
	github_not_signed_in: row(401, 'info', 'Run `gh auth login`, or set GITHUB_TOKEN.'),
	github_unreachable: row(502, 'error', 'Check the network; local work goes on.'),
	github_rate_limited: row(503, 'warning', 'Wait a few minutes.'),
	github_forbidden: row(
		403,
		'error',
		'Give the token the right to write pull requests, or sign in anew with `gh auth login`.'
	),
	github_refused: row(422, 'warning', 'Correct what GitHub names, then try again.'),
	pull_request_exists: row(409, 'info', 'Open it: it shows here after the next look.'),
	branch_not_pushed: row(409, 'warning', 'Push the branch first.'),
	starting_up: row(503, 'info', 'Wait a moment and try again.'),
	shutting_down: row(503, 'info', 'Wait until the app is back.'),
	not_leader: row(503, 'info', 'Open the address of the manager that leads.'),
	not_supported: row(400, 'warning'),
	internal: row(500, 'error', 'This is a bug. The log of the app has the details.')
};

/** An error with the table's hint, unless `extra.hint` says better. */
export const wireError = (
	code: ErrorCode,
	message: string,
	extra: { hint?: string; details?: Record<string, unknown> } = {}
): WireError => {
	const hint = extra.hint ?? ERROR_TABLE[code].hint;
	return {
		code,
		message,
		...(hint === null || hint === undefined ? {} : { hint }),
		...(extra.details ? { details: extra.details } : {})
	};
};
