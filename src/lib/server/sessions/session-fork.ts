/** A fork: what it takes from the session that it is one of. */
import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { Fork, StartSession } from '@agent-manager/protocol/requests.ts';
import { FORKED_CONVERSATION_FILE } from '@agent-manager/protocol/runner-frames.ts';
import type { ForkPoint } from '#lib/domain/fork-point.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { Database } from '#lib/server/db/client.ts';
import { readTurnEnd } from '#lib/server/db/fork-point.ts';
import type { RepoRow } from '#lib/server/db/repos.ts';
import { cappedStream } from './capped-output.ts';
import type { ForkSource } from './session-creation.ts';
import type { SessionContext } from './session-context.ts';
import { sessionPaths } from './session-paths.ts';
import type { SessionCell } from './session-view.ts';

/** A conversation with many images is large; more than this is none of an agent's. */
const CONVERSATION_MAX_BYTES = 512 * 1_048_576;
const COPY_MS = 60_000;

/** The session as it was when the newest turn by `atSeq` had ended. */
export const forkSource = async (
	db: Database,
	{ id, row, state }: SessionCell,
	atSeq: number
): Promise<Result<ForkSource, WireError>> => {
	if (row.role === 'orchestrator') {
		return fail(wireError('bad_request', 'An orchestrator can’t be forked.'));
	}
	const end = await readTurnEnd(db, id, atSeq, state.setAside);
	if (!end) {
		return fail(
			wireError('nothing_to_do', 'No turn had ended by then: there is nothing to go on from.', {
				hint: 'Start a new session instead.'
			})
		);
	}
	const { conversationId, baseBranch, baseSessionId } = row;
	return ok({
		point: { sessionId: id, conversationId, ...end },
		base: { baseBranch, baseSessionId: baseSessionId as SessionId | null }
	});
};

/** It begins as the other one is set up now. */
export const forkStart = (
	{ row, state }: SessionCell,
	{ message, branchSuffix }: Fork
): StartSession => ({
	role: 'implementer',
	goalPrompt: message,
	permissionMode: state.permissionMode,
	...(branchSuffix === undefined ? {} : { branchSuffix }),
	...(state.model === null ? {} : { model: state.model }),
	...(state.effort === null ? {} : { effort: state.effort }),
	...(row.additionalInstructions === null
		? {}
		: { additionalInstructions: row.additionalInstructions })
});

/**
 * Runs where the other session's folder can be seen and nothing else: a link in it leads nowhere. Prints the
 * conversation that has the newest of the messages: after `/clear` or a rewind there are several.
 */
const PRINT_SCRIPT = `
cd -- "$1" || exit 3
shift
for id in "$@"; do
	for file in claude/projects/*/*.jsonl; do
		if [ -f "$file" ] && grep -qF "\\"uuid\\":\\"$id\\"" -- "$file"; then exec cat -- "$file"; fi
	done
done
exit 10
`;

const exists = (path: string): Promise<boolean> =>
	stat(path).then(
		() => true,
		() => false
	);

const printInto = async (
	context: SessionContext,
	repo: RepoRow,
	cell: SessionCell,
	fork: ForkPoint,
	path: string,
	signal: AbortSignal
): Promise<Result<void, WireError>> => {
	const { sessionFolder } = sessionPaths(context.workspaceRoot, fork.sessionId as SessionId);
	if (!(await exists(sessionFolder))) {
		return fail(wireError('session_not_found', 'The other session’s folder is gone.'));
	}
	// What stands there is the rest of a copy that was cut off, or a link: it is removed, never opened.
	await rm(path, { force: true, recursive: true });
	const file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
	const output = cappedStream(file, CONVERSATION_MAX_BYTES);
	const stop = AbortSignal.any([signal, output.full, AbortSignal.timeout(COPY_MS)]);
	const argv = ['sh', '-c', PRINT_SCRIPT, 'print', sessionFolder, ...fork.messageIds];
	const ran = await context.git.printFolder(
		repo,
		cell,
		{ folder: sessionFolder, session: fork.sessionId as SessionId, argv },
		output.stream,
		stop
	);
	output.stream.end();
	await finished(file);
	if (output.full.aborted) {
		return fail(wireError('payload_too_large', 'The other session’s conversation is too large.'));
	}
	if (!ran.ok) return ran;
	if (ran.value.exitCode === 0) return ok();
	return fail(wireError('not_found', 'The other session has no conversation any more.'));
};

/** Trying again would not bring it back. */
export const isLost = ({ code }: WireError): boolean =>
	code === 'session_not_found' || code === 'not_found' || code === 'payload_too_large';

/** Puts a copy of the conversation where the fork's first runner looks for it; done once, it stays. */
export const copyConversation = async (
	context: SessionContext,
	repo: RepoRow,
	cell: SessionCell,
	fork: ForkPoint,
	signal: AbortSignal
): Promise<Result<void, WireError>> => {
	const { sessionFolder } = sessionPaths(context.workspaceRoot, cell.id);
	const path = join(sessionFolder, FORKED_CONVERSATION_FILE);
	if (await exists(path)) return ok();
	try {
		const printed = await printInto(context, repo, cell, fork, `${path}.new`, signal);
		if (printed.ok) await rename(`${path}.new`, path);
		else await rm(`${path}.new`, { force: true });
		return printed;
	} catch (cause) {
		return fail(
			wireError('sandbox_start_failed', `The conversation could not be copied: ${String(cause)}`)
		);
	}
};
