/** What a paste or a drop brings: files, or a text so long that it had better be one. */

import { ATTACHMENT_LIMITS } from '@agent-manager/protocol/attachments.ts';

/** Longer texts would bury what the person writes. */
const FOLD_CHARS = 10_000;
const FOLD_LINES = 200;

export const filesIn = (data: DataTransfer | null): File[] => [...(data?.files ?? [])];

export const hasFiles = (data: DataTransfer | null): boolean =>
	data?.types.includes('Files') ?? false;

/** The pasted text as a file; null when it is short enough to stand in the box, or too long for a file. */
export const foldedText = (text: string): File | null => {
	const lines = text.split('\n').length;
	if (text.length <= FOLD_CHARS && lines <= FOLD_LINES) return null;
	const file = new File([text], 'pasted text.txt', { type: 'text/plain' });
	return file.size > ATTACHMENT_LIMITS.textBytes ? null : file;
};
