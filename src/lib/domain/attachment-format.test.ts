import { describe, expect, it } from 'vitest';
import { attachmentName, describeAttachment } from './attachment-format.ts';

const bytes = (...parts: (string | number[])[]): Uint8Array =>
	new Uint8Array(
		parts.flatMap((part) =>
			typeof part === 'string' ? [...part].map((char) => char.charCodeAt(0)) : part
		)
	);
const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const END = [0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82];
const png = (width: number, height: number): Uint8Array => {
	const size = (value: number): number[] => [24, 16, 8, 0].map((bits) => (value >>> bits) & 255);
	return bytes(PNG, [0, 0, 0, 13], 'IHDR', size(width), size(height), [8, 6, 0, 0, 0], END);
};
const jpeg = bytes(
	[0xff, 0xd8, 0xff, 0xe0, 0, 16],
	'JFIF',
	Array<number>(10).fill(0),
	[0xff, 0xc0, 0, 11, 8, 0, 20, 0, 30, 1, 1, 0x11, 0],
	[0xff, 0xd9]
);
const gif = bytes('GIF89a', [30, 0, 20, 0], Array<number>(20).fill(0), [0x3b]);
const webp = bytes(
	'RIFF',
	[24, 0, 0, 0],
	'WEBPVP8X',
	[10, 0, 0, 0, 0, 0, 0, 0, 29, 0, 0, 19, 0, 0]
);

describe('an attachment', () => {
	it.each([
		['image/png', png(30, 20)],
		['image/jpeg', jpeg],
		['image/gif', gif],
		['image/webp', new Uint8Array([...webp, 0, 0])]
	])('%s is known by its bytes, whatever it is called', (mediaType, image) => {
		expect(describeAttachment('notes.txt', image)).toEqual({
			ok: true,
			value: {
				...{ kind: 'image', name: 'notes.txt', mediaType, bytes: image.length },
				...{ width: 30, height: 20 }
			}
		});
	});

	it('is text when it is UTF-8', () => {
		expect(describeAttachment('a/b/log.txt', bytes('one\ntwo\n'))).toEqual({
			ok: true,
			value: { kind: 'text', name: 'log.txt', mediaType: 'text/plain', bytes: 8, lines: 2 }
		});
	});

	const refused: [string, Uint8Array, string, number?][] = [
		['empty', bytes(), 'a is empty.'],
		['blank', bytes(' \n'), 'a is empty.'],
		['a PNG that is cut off', png(30, 20).slice(0, -1), 'a is damaged or cut off.'],
		['only the head of a PNG', bytes(PNG), 'a is damaged or cut off.'],
		['a PNG of no size', png(0, 20), 'a is damaged or cut off.'],
		['a JPEG without an end', jpeg.slice(0, -2), 'a is damaged or cut off.'],
		['a GIF without an end', gif.slice(0, -1), 'a is damaged or cut off.'],
		['a WebP that says more than it has', webp.slice(0, -2), 'a is damaged or cut off.'],
		['too many pixels', png(8_001, 20), 'a is 8001 × 20: a side has at most 8000 pixels.'],
		['a program', bytes([0x7f], 'ELF', [0, 1]), 'a is neither an image of a known type nor text.'],
		['no UTF-8', bytes([0xff, 0xfe, 0x41]), 'a is neither an image of a known type nor text.'],
		['a long text', bytes('a'.repeat(262_145)), 'a has 256 KiB: text has at most 256 KiB.'],
		['a large file', png(30, 20), 'a has 9,766 KiB: a file has at most 3,840 KiB.', 10_000_000]
	];
	it.each(refused)('is refused: %s', (_name, file, message, size) => {
		const described = describeAttachment('a', file, size);
		expect(described.ok ? null : described.error.message).toBe(message);
	});

	it('has a name that is safe to show', () => {
		expect(attachmentName('../../etc/passwd', 'x')).toBe('passwd');
		expect(attachmentName('C:\\me\\shot.png', 'x')).toBe('shot.png');
		const hostile = attachmentName('photo\u202egnp.exe\u0000\u001b[31m\n', 'x');
		expect(hostile).not.toMatch(/[\u0000-\u001f\u202a-\u202e]/);
		expect(attachmentName('\u0000', 'x')).toBe('x');
		expect(attachmentName('n'.repeat(500), 'x').length).toBe(120);
	});
});
