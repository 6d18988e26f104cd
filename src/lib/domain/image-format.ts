/**
 * What an image's own bytes say: its type and size, by the head, and that it is whole, by the end. Enough to
 * refuse what is no image or was cut off, in the browser and on the server alike; pixels are not decoded.
 */

export interface ImageFormat {
	mediaType: 'image/png' | 'image/jpeg' | 'image/gif' | 'image/webp';
	width: number;
	height: number;
}

const PNG_HEAD = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const PNG_END = [0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82];

const hasAt = (bytes: Uint8Array, at: number, wanted: readonly number[]): boolean =>
	at >= 0 && wanted.every((byte, index) => bytes[at + index] === byte);
const textAt = (bytes: Uint8Array, at: number, length: number): string =>
	String.fromCharCode(...bytes.subarray(at, at + length));
const viewOf = (bytes: Uint8Array): DataView =>
	new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

const readPng = (bytes: Uint8Array): ImageFormat | null => {
	if (textAt(bytes, 12, 4) !== 'IHDR' || !hasAt(bytes, bytes.length - 8, PNG_END)) return null;
	const view = viewOf(bytes);
	return { mediaType: 'image/png', width: view.getUint32(16), height: view.getUint32(20) };
};

/** A frame header; `C4`, `C8` and `CC` among these numbers are other things. */
const isFrame = (marker: number): boolean =>
	marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;

/** Some cameras put a few bytes behind the end. */
const JPEG_TAIL = 1_024;

const hasJpegEnd = (bytes: Uint8Array): boolean => {
	for (let at = bytes.length - 2; at >= Math.max(0, bytes.length - JPEG_TAIL); at -= 1) {
		if (hasAt(bytes, at, [0xff, 0xd9])) return true;
	}
	return false;
};

const readJpeg = (bytes: Uint8Array): ImageFormat | null => {
	if (!hasJpegEnd(bytes)) return null;
	const view = viewOf(bytes);
	let at = 2;
	while (at + 9 < bytes.length) {
		if (bytes[at] !== 0xff) return null;
		const marker = bytes[at + 1] ?? 0;
		if (marker === 0xff) {
			at += 1;
			continue;
		}
		if (isFrame(marker)) {
			const [height, width] = [view.getUint16(at + 5), view.getUint16(at + 7)];
			return { mediaType: 'image/jpeg', width, height };
		}
		at += 2 + view.getUint16(at + 2);
	}
	return null;
};

const readGif = (bytes: Uint8Array): ImageFormat | null => {
	if (bytes.at(-1) !== 0x3b) return null;
	const view = viewOf(bytes);
	const [width, height] = [view.getUint16(6, true), view.getUint16(8, true)];
	return { mediaType: 'image/gif', width, height };
};

const uint24 = (view: DataView, at: number): number =>
	view.getUint16(at, true) | (view.getUint8(at + 2) << 16);

const readWebp = (bytes: Uint8Array): ImageFormat | null => {
	const view = viewOf(bytes);
	if (bytes.length < view.getUint32(4, true) + 8) return null;
	const size = (width: number, height: number): ImageFormat => ({
		mediaType: 'image/webp',
		width,
		height
	});
	switch (textAt(bytes, 12, 4)) {
		case 'VP8X':
			return size(uint24(view, 24) + 1, uint24(view, 27) + 1);
		case 'VP8L': {
			const bits = view.getUint32(21, true);
			return size((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1);
		}
		case 'VP8 ':
			return size(view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff);
		default:
			return null;
	}
};

const readers = (bytes: Uint8Array): ((bytes: Uint8Array) => ImageFormat | null) | null => {
	if (hasAt(bytes, 0, PNG_HEAD)) return readPng;
	if (hasAt(bytes, 0, [0xff, 0xd8, 0xff])) return readJpeg;
	if (/^GIF8[79]a$/.test(textAt(bytes, 0, 6))) return readGif;
	return textAt(bytes, 0, 4) === 'RIFF' && textAt(bytes, 8, 4) === 'WEBP' ? readWebp : null;
};

/** Shorter than any image's head and end. */
const SHORTEST = 30;

/** `null`: no image that we know. `'broken'`: it begins like one, and is cut off or damaged. */
export const readImageFormat = (bytes: Uint8Array): ImageFormat | 'broken' | null => {
	const read = readers(bytes);
	if (!read) return null;
	const format = bytes.length < SHORTEST ? null : read(bytes);
	return format && format.width > 0 && format.height > 0 ? format : 'broken';
};
