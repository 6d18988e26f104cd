import { describe, expect, it } from 'vitest';
import { ansiSpans } from './ansi.ts';
import { cleanLine, cleanText } from './clean-text.ts';

const plain = (text: string): string =>
	ansiSpans(text)
		.map((span) => span.text)
		.join('');

// What must not be left.
const acting = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

const cases: [string, string, string][] = [
	['clipboard', 'a\u001b]52;c;ZXZpbA==\u0007b', 'ab'],
	['hyperlink', '\u001b]8;;https://evil.example\u001b\\link\u001b]8;;\u001b\\', 'link'],
	['clear screen', '\u001b[2J\u001b[Hx', 'x'],
	['8-bit CSI and OSC', '\u009b31mred\u009d0;title\u009cend', 'redend'],
	['device control', '\u001bPq#0;2;0\u001b\\x', 'x'],
	['unfinished sequence', 'x\u001b[', 'x'],
	['unfinished title', 'x\u001b]0;evil', 'x'],
	['C0 and C1', 'a\u0000b\u0007c\u0085d\u007f', 'abcd'],
	['tab and line feed stay', 'a\tb\nc', 'a\tb\nc'],
	['bidirectional override', 'user\u202egnp.exe', 'user⟦U+202E⟧gnp.exe'],
	['isolates', '\u2066a\u2069', '⟦U+2066⟧a⟦U+2069⟧'],
	['emoji and right-to-left words stay', 'שלום 👩‍💻', 'שלום 👩‍💻']
];

describe('text from a sandbox', () => {
	it.each(cases)('%s', (_name, raw, expected) => {
		expect(cleanText(raw)).toBe(expected);
		expect(plain(raw)).toBe(expected);
	});

	it('leaves nothing that acts in any mixture', () => {
		const pieces = ['\u001b', '[', ']', '8;;', 'm', '\u009b', '\u0007', '\r', '\n', 'x', '\u202e'];
		let seed = 1;
		const next = (below: number): number => {
			seed = (seed * 48_271) % 2_147_483_647;
			return seed % below;
		};
		for (let round = 0; round < 2000; round++) {
			const raw = Array.from({ length: 12 }, () => pieces[next(pieces.length)]).join('');
			expect(cleanText(raw)).not.toMatch(acting);
			expect(plain(raw)).not.toMatch(acting);
		}
	});

	it('makes one short line of anything', () => {
		expect(cleanLine('a\n\tb\u001b[31mc', 100)).toBe('a bc');
		expect(cleanLine('x'.repeat(5000), 100)).toHaveLength(100);
	});
});

describe('terminal output', () => {
	it('keeps colours as names', () => {
		expect(ansiSpans('\u001b[1;31mbad\u001b[0m ok \u001b[92mgood')).toEqual([
			{ text: 'bad', color: 'red', bold: true, dim: false },
			{ text: ' ok ', color: null, bold: false, dim: false },
			{ text: 'good', color: 'green', bold: false, dim: false }
		]);
	});

	it('skips colours of more bits without taking their numbers for others', () => {
		expect(ansiSpans('\u001b[38;5;31mx\u001b[38;2;31;32;33my')).toEqual([
			{ text: 'x', color: null, bold: false, dim: false },
			{ text: 'y', color: null, bold: false, dim: false }
		]);
	});

	it('shows a line that was drawn over as it last looked', () => {
		expect(plain('10%\r50%\r100%\r\nnext\rlast')).toBe('100%\nlast');
	});

	it('reads megabytes of carriage returns and colours quickly', () => {
		const from = performance.now();
		ansiSpans('\r'.repeat(4_000_000));
		ansiSpans('\u001b[31mx'.repeat(200_000));
		ansiSpans('\u001b['.repeat(1_000_000));
		ansiSpans('\u001b]'.repeat(500_000));
		expect(performance.now() - from).toBeLessThan(5_000);
	});
});
