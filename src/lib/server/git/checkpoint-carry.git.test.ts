/** The files of a checkpoint on their way into another worktree, by the scripts that sandboxes run. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
	CARRY_SCRIPT,
	CHECKPOINT_SCRIPT,
	PACK_SCRIPT
} from '@agent-manager/protocol/checkpoint-script.ts';
import {
	commitFiles,
	gitIn,
	tempFolder,
	writeFiles,
	type TempFolder
} from '../../../../tests/support/git-fixture.ts';

let folder: TempFolder;
let from: string;
let to: string;
let base: string;

const script = (text: string, args: string[], input?: Buffer): Buffer =>
	execFileSync('sh', ['-c', text, 'script', ...args], { input, stdio: 'pipe' });
const checkpoint = (worktree: string): string =>
	script(CHECKPOINT_SCRIPT, [worktree]).toString().split(' ')[0] ?? '';
const carry = (commit: string, pack: Buffer): { commit: string; changed: number } => {
	const [kept = '', changed] = script(CARRY_SCRIPT, [to, commit], pack).toString().split(' ');
	return { commit: kept, changed: Number(changed) };
};
const text = (name: string): string | null =>
	existsSync(join(to, name)) ? readFileSync(join(to, name), 'utf8') : null;

beforeEach(() => {
	folder = tempFolder('carry');
	from = join(folder.path, 'from');
	to = join(folder.path, 'to');
	mkdirSync(from);
	gitIn(from, 'init', '--quiet', '--initial-branch=agent/from');
	base = commitFiles(from, { 'kept.txt': 'one\n', 'gone.txt': 'x\n', '.gitignore': 'ignored\n' });
	gitIn(folder.path, 'clone', '--quiet', '--no-local', 'from', 'to');
	gitIn(to, 'checkout', '--quiet', '-b', 'agent/to');
	writeFiles(from, { 'kept.txt': 'two\n', 'new\nfile': 'new\n', ignored: 'secret\n' });
	rmSync(join(from, 'gone.txt'));
});
afterEach(() => folder.remove());

it('brings what was not committed, as not committed, on the branch that is there', () => {
	const commit = checkpoint(from);
	const carried = carry(commit, script(PACK_SCRIPT, [from, commit, base]));
	expect(carried.changed).toBe(3);
	expect([text('kept.txt'), text('new\nfile'), text('gone.txt'), text('ignored')]).toEqual([
		...['two\n', 'new\n', null, null]
	]);
	expect(gitIn(to, 'symbolic-ref', 'HEAD')).toBe('refs/heads/agent/to');
	expect(gitIn(to, 'rev-parse', 'HEAD')).toBe(base);
	expect(gitIn(to, 'diff', '--cached', '--name-only')).toBe('');
	expect(gitIn(to, 'log', '-1', '--format=%B', carried.commit)).toContain('refs/heads/agent/to');
	// It is the checkpoint of before the first turn, too.
	expect(checkpoint(to)).toBe(carried.commit);
});

it('once is enough: what is done there since stays', () => {
	const commit = checkpoint(from);
	const pack = script(PACK_SCRIPT, [from, commit, base]);
	const first = carry(commit, pack);
	writeFiles(to, { 'kept.txt': 'by the fork\n' });
	expect(carry(commit, pack)).toEqual(first);
	expect(text('kept.txt')).toBe('by the fork\n');
});

it('brings all of it where the fork’s commit is not known, and the agent’s own commits with it', () => {
	commitFiles(from, { 'later.txt': 'later\n' });
	writeFiles(from, { 'loose.txt': 'loose\n' });
	const commit = checkpoint(from);
	carry(commit, script(PACK_SCRIPT, [from, commit, 'f'.repeat(40)]));
	expect([text('later.txt'), text('loose.txt')]).toEqual(['later\n', 'loose\n']);
	expect(gitIn(to, 'rev-parse', 'HEAD')).toBe(base);
});

it('changes nothing when the pack is cut off or the checkpoint is gone', () => {
	const commit = checkpoint(from);
	const pack = script(PACK_SCRIPT, [from, commit, base]);
	expect(() => carry(commit, pack.subarray(0, pack.length - 10))).toThrow();
	expect(gitIn(to, 'status', '--porcelain')).toBe('');
	expect(() => script(PACK_SCRIPT, [from, 'e'.repeat(40), base])).toThrow(/Command failed/);
});
