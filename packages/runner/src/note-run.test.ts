import { expect, test } from 'vitest';
import { isNote, NoteRun } from './note-run.ts';

test('tells notes from what a transcript shows', () => {
	expect(isNote({ type: 'system', subtype: 'status' })).toBe(true);
	expect(isNote({ type: 'command_lifecycle', state: 'started' })).toBe(true);
	expect(isNote({ type: 'system', subtype: 'init' })).toBe(false);
	expect(isNote({ type: 'status' })).toBe(false);
	expect(isNote({ type: 'assistant' })).toBe(false);
});

test('a delta waits for the newest record when that is no note', () => {
	const notes = new NoteRun();
	notes.take(1);
	expect(notes.before(2)).toBe(2);
});

test('it passes every note at the end, and no further', () => {
	const notes = new NoteRun();
	notes.take(1);
	notes.take(3);
	notes.take(4);
	expect(notes.before(4)).toBe(2);
});
