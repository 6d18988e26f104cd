/**
 * A conversation that goes on from the middle of another one, under an id of its own; from then on it is one
 * like any other. Of a fork the manager leaves a copy of the other session's in the session folder. A session
 * that was rewound has the other one itself, and it stays as it is.
 */
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { basename, join } from 'node:path';
import { FORKED_CONVERSATION_FILE } from '@agent-manager/protocol/runner-frames.ts';
import { parseEntry } from './conversation.ts';

/** What the agent is started with to go on from there. */
export interface ForkStart {
	resume: string;
	resumeSessionAt: string;
	forkSession: true;
}

interface Fork {
	conversationId: string;
	messageIds: readonly string[];
}

/** Which of the messages a conversation has; `onLine` gets each of its lines that is whole. */
const readConversation = async (
	path: string,
	wanted: ReadonlySet<string>,
	onLine: (line: string) => void = () => undefined
): Promise<Set<string> | null> => {
	const found = new Set<string>();
	try {
		for await (const line of createInterface({ input: createReadStream(path) })) {
			// The other agent may have been at work: its last line is torn then.
			const entry = parseEntry(line);
			if (!entry) continue;
			onLine(line);
			if (entry.uuid !== undefined && wanted.has(entry.uuid)) found.add(entry.uuid);
		}
	} catch {
		return null;
	}
	return found;
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
	const lines: string[] = [];
	const copy = join(sessionFolder, FORKED_CONVERSATION_FILE);
	const found = await readConversation(copy, new Set(messageIds), (line) => lines.push(line));
	const last = messageIds.find((id) => found?.has(id));
	if (last === undefined) return null;
	const folder = projectFolder(configFolder, worktree);
	const path = join(folder, `${conversationId}.jsonl`);
	await mkdir(folder, { recursive: true, mode: 0o700 });
	await writeFile(`${path}.new`, `${lines.join('\n')}\n`, { mode: 0o600 });
	await rename(`${path}.new`, path);
	return { resume: conversationId, resumeSessionAt: last, forkSession: true };
};

/** The conversations in the agent's folder. */
const listConversations = async (configFolder: string): Promise<string[]> => {
	const projects = join(configFolder, 'projects');
	const folders = await readdir(projects).catch(() => []);
	const paths = await Promise.all(
		folders.map(async (folder) => {
			const names = await readdir(join(projects, folder)).catch(() => []);
			return names.map((name) => join(projects, folder, name));
		})
	);
	return paths.flat().filter((path) => path.endsWith('.jsonl'));
};

/**
 * Goes on behind the newest of these messages, in whichever conversation of this session that is: it may have
 * been rewound or cleared before. Null when none has any of them.
 */
export const beginRewound = async (
	configFolder: string,
	messageIds: readonly string[]
): Promise<ForkStart | null> => {
	const wanted = new Set(messageIds);
	const holders: { path: string; found: Set<string> }[] = [];
	for (const path of await listConversations(configFolder)) {
		holders.push({ path, found: (await readConversation(path, wanted)) ?? new Set() });
	}
	for (const id of messageIds) {
		const holder = holders.find(({ found }) => found.has(id));
		if (!holder) continue;
		const resume = basename(holder.path, '.jsonl');
		return { resume, resumeSessionAt: id, forkSession: true };
	}
	return null;
};
