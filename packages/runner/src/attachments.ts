/**
 * What goes along with messages, in `<session folder>/attachments`: fetched from the door before a message is
 * acknowledged, so that it can be said, and said again by a later runner, without the manager.
 */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SDKUserMessage } from '@anthropic-ai/claude-agent-sdk/core';
import type { Attachment } from '@agent-manager/protocol/attachments.ts';
import { errorText, type Log } from './log.ts';

type Content = SDKUserMessage['message']['content'];
type Block = Exclude<Content, string>[number];
type ImageType = 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp';

export interface AttachmentsDeps {
	sessionFolder: string;
	/** The door, as the relay offers it in the sandbox. */
	origin: string;
	token: string;
	log: Log;
}

export class Attachments {
	readonly #deps: AttachmentsDeps;
	readonly #folder: string;

	constructor(deps: AttachmentsDeps) {
		this.#deps = deps;
		this.#folder = join(deps.sessionFolder, 'attachments');
	}

	/** Throws when the door can't be reached. What it does not have is left out, and said to the agent. */
	async fetch(wanted: readonly Attachment[]): Promise<void> {
		if (wanted.length === 0) return;
		await mkdir(this.#folder, { recursive: true, mode: 0o700 });
		for (const { id } of wanted) {
			const { origin, token } = this.#deps;
			const headers = { authorization: `Bearer ${token}` };
			const response = await fetch(`${origin}/attachments/${id}`, { headers });
			if (response.status === 404) continue;
			if (!response.ok) throw new Error(`the door answered ${response.status}`);
			const path = this.#path(id);
			await writeFile(`${path}.new`, new Uint8Array(await response.arrayBuffer()), { mode: 0o600 });
			await rename(`${path}.new`, path);
		}
	}

	/** What is said to the agent: files first, as people lay them on the table before they speak. */
	contentOf(text: string, attachments: readonly Attachment[]): Content {
		if (attachments.length === 0) return text;
		const blocks = attachments.map((attachment) => this.#block(attachment));
		return text.trim() === '' ? blocks : [...blocks, { type: 'text', text }];
	}

	/** The agent has them. */
	forget(attachments: readonly Attachment[]): void {
		for (const { id } of attachments)
			void rm(this.#path(id), { force: true }).catch(() => undefined);
	}

	#block({ id, kind, name, mediaType }: Attachment): Block {
		try {
			const body = readFileSync(this.#path(id));
			if (kind === 'text') {
				return {
					type: 'text',
					text: `<attachment name=${JSON.stringify(name)}>\n${body.toString()}\n</attachment>`
				};
			}
			const data = body.toString('base64');
			return {
				type: 'image',
				source: { type: 'base64', media_type: mediaType as ImageType, data }
			};
		} catch (error) {
			this.#deps.log('error', 'an attachment is missing', { id, error: errorText(error) });
			return {
				type: 'text',
				text: `(The attachment ${JSON.stringify(name)} was lost on the way.)`
			};
		}
	}

	#path(id: string): string {
		return join(this.#folder, id);
	}
}
