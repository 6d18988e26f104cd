import { describe, expect, it } from 'vitest';
import { lastLines } from './log-lines.ts';

describe('lastLines', () => {
	it('gives the last ones, oldest first', () => {
		expect(lastLines('a\nb\nc\n', 2)).toEqual(['b', 'c']);
		expect(lastLines('a\nb', 5)).toEqual(['a', 'b']);
		expect(lastLines('', 5)).toEqual([]);
		expect(lastLines('a\nb\n', 0)).toEqual([]);
	});

	it('leaves no control character but the tab', () => {
		const hostile = 'a\u001b[2J\u001b[31mred\u001b]52;c;x\u0007\u009b1m\r\u0000\tb';
		expect(lastLines(hostile, 1)).toEqual(['ared]52;c;x1m\tb']);
	});

	it('cuts a line that is too long', () => {
		expect(lastLines('x'.repeat(5_000), 1)[0]).toHaveLength(2_000);
	});
});
