import { expect, test } from 'vitest';
import { NoteRun } from './note-run.ts';

const status = { type: 'system', subtype: 'status' };
const lifecycle = { type: 'command_lifecycle', state: 'started' };
const init = { type: 'system', subtype: 'init' };

test('a delta waits for the newest record when that is no note', () => {
	const notes = new NoteRun();
	notes.take(1, init);
	expect(notes.before(1)).toBe(1);
});

test('it passes every note at the end, and no further', () => {
	const notes = new NoteRun();
	notes.take(1, status);
	notes.take(2, init);
	notes.take(3, lifecycle);
	notes.take(4, status);
	expect(notes.before(4)).toBe(2);
});

test('a record of our own after the notes is waited for', () => {
	const notes = new NoteRun();
	notes.take(1, status);
	expect(notes.before(2)).toBe(2);
	notes.take(3, status);
	expect(notes.before(3)).toBe(2);
});
