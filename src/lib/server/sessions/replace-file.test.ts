import {
	mkdtempSync,
	mkdirSync,
	readFileSync,
	rmSync,
	statSync,
	symlinkSync,
	writeFileSync
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { replaceFile } from './replace-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'am-replace-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('replaces a planted link and leaves what it leads to alone', async () => {
	const victim = join(folder, 'victim');
	const path = join(folder, 'options.json');
	writeFileSync(victim, 'precious');
	symlinkSync(victim, path);
	await replaceFile(path, '{}', 0o600);
	expect(readFileSync(victim, 'utf8')).toBe('precious');
	expect(readFileSync(path, 'utf8')).toBe('{}');
	expect(statSync(path).mode & 0o777).toBe(0o600);
});

it('replaces a folder and a file', async () => {
	const path = join(folder, 'odd');
	mkdirSync(join(path, 'deep'), { recursive: true });
	await replaceFile(path, 'a', 0o600);
	await replaceFile(path, 'b', 0o600);
	expect(readFileSync(path, 'utf8')).toBe('b');
});
