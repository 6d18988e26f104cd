import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { gitIn } from '../../../../tests/support/git-fixture.ts';
import {
	makeMirrorFixture,
	type MirrorFixture
} from '../../../../tests/support/git-mirror-fixture.ts';
import { changedBetween } from './changes.ts';
import { compareCommit, listCommits } from './commit-log.ts';

let fixture: MirrorFixture;

beforeEach(async () => {
	fixture = await makeMirrorFixture({ 'README.md': '# Sample\n' });
});
afterEach(() => fixture.remove());

/** A commit in the mirror, whose tree is another one's. */
const commit = (subject: string, tree: string, ...parents: string[]): string =>
	gitIn(
		fixture.mirrorPath,
		...['commit-tree', ...parents.flatMap((parent) => ['-p', parent]), '-m', subject, tree]
	);
const treeWith = (name: string): string => {
	const blob = gitIn(fixture.mirrorPath, 'rev-parse', `${fixture.baseCommit}:README.md`);
	return gitIn(
		fixture.mirrorPath,
		...['-c', 'alias.tree=!f() { printf "100644 blob $1\\t$2\\n" | git mktree; }; f', 'tree'],
		...[blob, name]
	);
};
const list = async (to: string) => {
	const { git, mirrorPath, baseCommit } = fixture;
	const listed = await listCommits(git, { mirrorPath, from: baseCommit, to });
	if (!listed.ok) throw new Error(listed.error.message);
	return listed.value;
};
const filesOf = async (head: string, id: string): Promise<string[] | string> => {
	const { git, mirrorPath } = fixture;
	const compared = await compareCommit(git, mirrorPath, head, id);
	if (!compared.ok) return compared.error.code;
	const changed = await changedBetween(git, compared.value);
	if (!changed.ok) throw new Error(changed.error.message);
	return changed.value.files.map(({ status, path }) => `${status} ${path}`);
};

describe('the commits of a session', () => {
	it('are listed newest first, whatever their texts are', async () => {
		const { baseCommit } = fixture;
		const tree = treeWith('a.txt');
		const first = commit('Tab\there \u202eturned\n\nMore.', tree, baseCommit);
		const second = commit('x'.repeat(5_000), tree, first);
		const { commits, commitCount } = await list(second);
		expect(commitCount).toBe(2);
		expect(commits.map(({ id }) => id)).toEqual([second, first]);
		expect(commits[0]?.subject).toMatch(/^x{290,300}/);
		expect(commits[0]?.subject.length).toBeLessThanOrEqual(300);
		expect(commits[1]).toMatchObject({
			...{ subject: 'Tab here ⟦U+202E⟧turned', authorName: 'Test Person' }
		});
		const made = gitIn(fixture.mirrorPath, 'log', '-1', '--format=%at', first);
		expect(Date.parse(commits[1]?.authoredAt ?? '')).toBe(Number(made) * 1_000);
		expect(await list(baseCommit)).toEqual({ commits: [], commitCount: 0 });
	});

	it('are compared with their first parent, if the branch has them', async () => {
		const { baseCommit } = fixture;
		const first = commit('Move it', treeWith('a.txt'), baseCommit);
		const root = commit('From nothing', treeWith('b.txt'));
		const merged = commit('Merge', treeWith('b.txt'), first, root);
		expect(await filesOf(merged, first)).toEqual(['renamed a.txt']);
		expect(await filesOf(merged, root)).toEqual(['added b.txt']);
		expect(await filesOf(merged, merged)).toEqual(['renamed b.txt']);
		expect(await filesOf(first, merged), 'not on the branch').toBe('not_found');
		expect(await filesOf(first, 'd'.repeat(40)), 'nowhere').toBe('not_found');
	});
});
