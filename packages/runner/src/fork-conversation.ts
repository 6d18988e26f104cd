/**
 * A fork's conversation. The manager leaves a copy of the other session's in the session folder; the
 * first agent begins with it, up to the turn's end, under an id of its own. From then on it is a
 * conversation like any other.
 */
import { createReadStream } from 'node:fs';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { FORKED_CONVERSATION_FILE } from '@agent-manager/protocol/runner-frames.ts';
import { parseEntry } from './conversation.ts';

/** What the agent is started with to begin a fork. */
export interface ForkStart {
	resume: string;
	resumeSessionAt: string;
	forkSession: true;
}

interface Fork {
	conversationId: string;
	messageIds: readonly string[];
}

/** Lines that the copy has whole, and which of the messages are among them. */
const readCopy = async (
	path: string,
	wanted: ReadonlySet<string>
): Promise<{ lines: string[]; found: Set<string> } | null> => {
	const lines: string[] = [];
	const found = new Set<string>();
	try {
		for await (const line of createInterface({ input: createReadStream(path) })) {
			// The other agent may have been at work: its last line is torn then.
			const entry = parseEntry(line);
			if (!entry) continue;
			lines.push(line);
			if (entry.uuid !== undefined && wanted.has(entry.uuid)) found.add(entry.uuid);
		}
	} catch {
		return null;
	}
	return { lines, found };
};

/** Where Claude Code looks for the conversations of a folder that it works in. */
const projectFolder = (configFolder: string, worktree: string): string =>
	join(configFolder, 'projects', worktree.replace(/[^A-Za-z0-9]/g, '-'));

/** Null when there is no copy, or it has none of the messages: then the conversation begins anew. */
export const beginFork = async (
	sessionFolder: string,
	configFolder: string,
	worktree: string,
	{ conversationId, messageIds }: Fork
): Promise<ForkStart | null> => {
	const copy = await readCopy(join(sessionFolder, FORKED_CONVERSATION_FILE), new Set(messageIds));
	const last = messageIds.find((id) => copy?.found.has(id));
	if (!copy || last === undefined) return null;
	const folder = projectFolder(configFolder, worktree);
	const path = join(folder, `${conversationId}.jsonl`);
	await mkdir(folder, { recursive: true, mode: 0o700 });
	await writeFile(`${path}.new`, `${copy.lines.join('\n')}\n`, { mode: 0o600 });
	await rename(`${path}.new`, path);
	return { resume: conversationId, resumeSessionAt: last, forkSession: true };
};
