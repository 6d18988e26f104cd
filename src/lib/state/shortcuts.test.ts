import { describe, expect, it } from 'vitest';
import { ShortcutReader, SHORTCUTS } from './shortcuts.ts';

const press = (key: string, over: object = {}) => ({
	key,
	ctrlKey: false,
	metaKey: false,
	altKey: false,
	shiftKey: false,
	typing: false,
	atMs: 0,
	...over
});

describe('ShortcutReader', () => {
	it('opens the palette from anywhere, also while typing', () => {
		const reader = new ShortcutReader();
		expect(reader.read(press('k', { ctrlKey: true, typing: true }))).toBe('palette');
		expect(reader.read(press('K', { metaKey: true }))).toBe('palette');
	});

	it('leaves single keys to text boxes and to the browser', () => {
		const reader = new ShortcutReader();
		expect(reader.read(press('n', { typing: true }))).toBeNull();
		expect(reader.read(press('n', { ctrlKey: true }))).toBeNull();
		expect(reader.read(press('n', { altKey: true }))).toBeNull();
		expect(reader.read(press('n'))).toBe('new-session');
	});

	it('tells a letter from the same with Shift', () => {
		const reader = new ShortcutReader();
		expect(reader.read(press('p'))).toBe('previous-prompt');
		expect(reader.read(press('P', { shiftKey: true }))).toBe('next-prompt');
		expect(reader.read(press('?', { shiftKey: true }))).toBe('shortcuts');
		expect(reader.read(press('f', { ctrlKey: true, shiftKey: true }))).toBeNull();
	});

	it('reads two keys in a row, for a second', () => {
		const reader = new ShortcutReader();
		expect(reader.read(press('g', { atMs: 0 }))).toBeNull();
		expect(reader.read(press('h', { atMs: 400 }))).toBe('home');
		expect(reader.read(press('g', { atMs: 1000 }))).toBeNull();
		expect(reader.read(press('j', { atMs: 2500 }))).toBe('next-session');
	});

	it('has each action and each key once', () => {
		expect(new Set(SHORTCUTS.map((s) => s.action)).size).toBe(SHORTCUTS.length);
		expect(new Set(SHORTCUTS.map((s) => s.keys)).size).toBe(SHORTCUTS.length);
	});
});
