/** What a file is that shall go along with a message, and why it is not taken: by its bytes, never by its name. */
import { ATTACHMENT_LIMITS, type Attachment } from '@agent-manager/protocol/attachments.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import { cleanLine } from './clean-text.ts';
import { wireError } from './errors.ts';
import { readImageFormat } from './image-format.ts';
import { fail, ok, type Result } from './result.ts';

/** Whose they are: a session's, or, for a session that is still to be started, a repo's. */
export type AttachmentOwner = { kind: 'session'; id: SessionId } | { kind: 'repo'; id: RepoId };

const NAME_MAX = 120;

const kib = (bytes: number): string =>
	`${(bytes / 1_024).toLocaleString('en', { maximumFractionDigits: 0 })} KiB`;

export const LIMITS_TEXT =
	`PNG, JPEG, GIF or WebP up to ${kib(ATTACHMENT_LIMITS.imageBytes)} and ${ATTACHMENT_LIMITS.imagePixels} pixels a side; ` +
	`text up to ${kib(ATTACHMENT_LIMITS.textBytes)}; ${ATTACHMENT_LIMITS.perMessage} a message`;

/** The last part of a path, without what acts on a terminal or turns the direction of writing. */
export const attachmentName = (name: string, otherwise: string): string =>
	cleanLine(name.split(/[/\\]/).at(-1) ?? '', NAME_MAX) || otherwise;

const invalid = (message: string): Result<never, WireError> =>
	fail(wireError('attachment_invalid', message));
const tooLarge = (message: string): Result<never, WireError> =>
	fail(wireError('payload_too_large', message));

const readText = (bytes: Uint8Array): string | null => {
	try {
		const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
		return text.includes('\0') ? null : text;
	} catch {
		return null;
	}
};

type Facts = Omit<Attachment, 'id'>;

const describeText = (shown: string, bytes: Uint8Array): Result<Facts, WireError> => {
	const text = readText(bytes);
	if (text === null) return invalid(`${shown} is neither an image of a known type nor text.`);
	if (text.trim() === '') return invalid(`${shown} is empty.`);
	if (bytes.length > ATTACHMENT_LIMITS.textBytes) {
		return tooLarge(
			`${shown} has ${kib(bytes.length)}: text has at most ${kib(ATTACHMENT_LIMITS.textBytes)}.`
		);
	}
	const lines = text.replace(/\n$/, '').split('\n').length;
	return ok({ kind: 'text', name: shown, mediaType: 'text/plain', bytes: bytes.length, lines });
};

/** `size`: of the whole file, where `bytes` is only its beginning because it is too large anyway. */
export const describeAttachment = (
	name: string,
	bytes: Uint8Array,
	size = bytes.length
): Result<Facts, WireError> => {
	const format = readImageFormat(bytes);
	const shown = attachmentName(name, format === null ? 'text.txt' : 'image');
	const { imageBytes, imagePixels } = ATTACHMENT_LIMITS;
	if (size === 0) return invalid(`${shown} is empty.`);
	if (size > imageBytes) {
		return tooLarge(`${shown} has ${kib(size)}: a file has at most ${kib(imageBytes)}.`);
	}
	if (format === null) return describeText(shown, bytes);
	if (format === 'broken') return invalid(`${shown} is damaged or cut off.`);
	if (Math.max(format.width, format.height) > imagePixels) {
		return tooLarge(
			`${shown} is ${format.width} × ${format.height}: a side has at most ${imagePixels} pixels.`
		);
	}
	return ok({ kind: 'image', name: shown, bytes: size, ...format });
};
