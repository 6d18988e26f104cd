/** Takes files into a form: what is pasted or dropped, and a pasted text that is so long that it had better be one. */
import type { DraftAttachments } from '#lib/state/draft-attachments.svelte.ts';
import { filesIn, foldedText, hasFiles } from './pasted-files.ts';

export class FileIntake {
	/** Files are held over the form. */
	dragging = $state(false);
	readonly #files: () => DraftAttachments | undefined;

	/** `files`: where they go; without it they are left to the browser. */
	constructor(files: () => DraftAttachments | undefined) {
		this.#files = files;
	}

	readonly paste = (event: ClipboardEvent): void => {
		const files = this.#files();
		if (!files) return;
		const pasted = filesIn(event.clipboardData);
		const folded = foldedText(event.clipboardData?.getData('text/plain') ?? '');
		const taken = pasted.length > 0 ? pasted : folded ? [folded] : [];
		if (taken.length === 0) return;
		event.preventDefault();
		void files.add(taken);
	};

	readonly over = (event: DragEvent): void => {
		if (!this.#files() || !hasFiles(event.dataTransfer)) return;
		event.preventDefault();
		this.dragging = true;
	};

	readonly leave = (): void => {
		this.dragging = false;
	};

	readonly drop = (event: DragEvent): void => {
		this.dragging = false;
		const files = this.#files();
		if (!files || !hasFiles(event.dataTransfer)) return;
		event.preventDefault();
		void files.add(filesIn(event.dataTransfer));
	};
}
