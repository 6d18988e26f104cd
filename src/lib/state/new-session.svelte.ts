/**
 * The new-session box: what was typed, and the start of it. The prompt is kept in localStorage until
 * a session has taken it; trying again after a lost answer uses the same key, so it starts once.
 */
import type { PermissionMode, Role, Session } from '@agent-manager/protocol/session.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { checkBranchSuffix } from '#lib/domain/branch-name.ts';
import { DraftAttachments } from './draft-attachments.svelte.ts';
import { newId } from './new-id.ts';
import { startSession } from './repo-commands.ts';

const draftKey = (repoId: string): string => `new-session:${repoId}`;

export class NewSession {
	readonly repoId: string;
	/** What goes along with the prompt. */
	readonly files: DraftAttachments;
	#prompt = $state('');
	baseBranch = $state('');
	branchSuffix = $state('');
	model = $state('');
	permissionMode = $state<PermissionMode>('full');
	role = $state<Role>('implementer');
	additionalInstructions = $state('');
	busy = $state(false);
	error = $state.raw<WireError | null>(null);
	/** The request that has no answer yet, with its key. */
	#tried: { body: string; key: string } | null = null;

	constructor(repoId: string) {
		this.repoId = repoId;
		this.files = new DraftAttachments(`repos/${repoId}`);
		this.#prompt = localStorage.getItem(draftKey(repoId)) ?? '';
	}

	get prompt(): string {
		return this.#prompt;
	}

	set prompt(text: string) {
		this.#prompt = text;
		try {
			if (text === '') localStorage.removeItem(draftKey(this.repoId));
			else localStorage.setItem(draftKey(this.repoId), text);
		} catch {
			// A full storage costs the draft after a reload, not the text on the page.
		}
	}

	get suffixProblem(): string | null {
		const suffix = this.branchSuffix.trim();
		if (suffix === '') return null;
		const checked = checkBranchSuffix(suffix);
		return checked.ok ? null : checked.error.message;
	}

	get ready(): boolean {
		return (
			this.prompt.trim() !== '' && this.suffixProblem === null && !this.busy && !this.files.busy
		);
	}

	/** Returns the session, or null with `error` set. */
	async start(): Promise<Session | null> {
		if (!this.ready) return null;
		const attachments = this.files.ready.map(({ id }) => id);
		const request = {
			goalPrompt: this.prompt,
			role: this.role,
			permissionMode: this.permissionMode,
			...given('baseBranch', this.baseBranch),
			...given('branchSuffix', this.branchSuffix.trim()),
			...given('model', this.model.trim()),
			...given('additionalInstructions', this.additionalInstructions.trim()),
			...(attachments.length > 0 && { attachments })
		};
		const body = JSON.stringify(request);
		if (this.#tried?.body !== body) this.#tried = { body, key: newId() };
		this.busy = true;
		this.error = null;
		const started = await startSession(this.repoId, request, this.#tried.key);
		this.busy = false;
		if (!started.ok) {
			this.error = started.error;
			if (started.error.code !== 'shutting_down') this.#tried = null;
			return null;
		}
		this.#tried = null;
		this.prompt = '';
		this.files.take();
		this.branchSuffix = '';
		return started.value;
	}
}

const given = (name: string, value: string): Record<string, string> =>
	value === '' ? {} : { [name]: value };
