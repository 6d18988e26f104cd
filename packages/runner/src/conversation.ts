/**
 * The agent's own record of the conversation, as Claude Code keeps it under its config folder:
 * `projects/<folder of the worktree>/<conversation id>.jsonl`, one JSON line for each entry.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';

const CURRENT_FILE = 'conversation-id';

/** Path of a conversation's file, or null when there is none. */
export const findConversation = (configFolder: string, conversationId: string): string | null => {
	const projects = join(configFolder, 'projects');
	let folders: string[];
	try {
		folders = readdirSync(projects);
	} catch {
		return null;
	}
	for (const folder of folders) {
		const path = join(projects, folder, `${conversationId}.jsonl`);
		if (existsSync(path)) return path;
	}
	return null;
};

const entrySchema = z.looseObject({
	type: z.string(),
	uuid: z.string().optional(),
	/** A message that went into a turn stands here, under its own uuid. */
	attachment: z.looseObject({ type: z.string(), source_uuid: z.string().optional() }).optional()
});

export const parseEntry = (line: string): z.infer<typeof entrySchema> | null => {
	try {
		return entrySchema.safeParse(JSON.parse(line)).data ?? null;
	} catch {
		return null;
	}
};

/** Is there anything the agent can go on from? A file with its bookkeeping alone does not count. */
export const hasMessages = async (path: string): Promise<boolean> =>
	someEntry(path, '"type":"user"', (entry) => entry.type === 'user');

/** Did the agent take the user message with this uuid? Throws when the file can't be read. */
export const hasMessage = async (path: string, uuid: string): Promise<boolean> =>
	someEntry(path, uuid, (entry) => entry.type === 'user' && entry.uuid === uuid);

/** Did it go into a turn that ran? Throws when the file can't be read. */
export const wasSteered = async (path: string, uuid: string): Promise<boolean> =>
	someEntry(
		path,
		uuid,
		({ attachment }) => attachment?.type === 'queued_command' && attachment.source_uuid === uuid
	);

const someEntry = async (
	path: string,
	hint: string,
	matches: (entry: z.infer<typeof entrySchema>) => boolean
): Promise<boolean> => {
	const file = await open(path, 'r');
	try {
		for await (const line of file.readLines({ encoding: 'utf8', autoClose: false })) {
			if (!line.includes(hint)) continue;
			const entry = parseEntry(line);
			if (entry && matches(entry)) return true;
		}
		return false;
	} finally {
		await file.close();
	}
};

/**
 * The conversation to go on with. It is the one the session began with, unless the agent moved to
 * another one (`/clear` does that).
 */
export const currentConversation = (sessionFolder: string, conversationId: string): string => {
	try {
		const saved = readFileSync(join(sessionFolder, CURRENT_FILE), 'utf8').trim().split(' ');
		const [began, current] = saved;
		return began === conversationId && z.uuid().safeParse(current).success
			? (current ?? conversationId)
			: conversationId;
	} catch {
		return conversationId;
	}
};

/** Remembers that the conversation that began as `began` goes on as `current`. */
export const saveCurrentConversation = (
	sessionFolder: string,
	began: string,
	current: string
): void =>
	writeFileSync(join(sessionFolder, CURRENT_FILE), `${began} ${current}\n`, { mode: 0o600 });
