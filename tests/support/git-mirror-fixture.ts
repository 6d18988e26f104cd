/** A mirror with a session's worktree in it, made by the app's own functions. */
import { join } from 'node:path';
import { createGit, type Git } from '#lib/server/git/exec.ts';
import { fetchMirror } from '#lib/server/git/mirror.ts';
import { pinBase } from '#lib/server/git/refs.ts';
import type { Remote } from '#lib/server/git/remote.ts';
import { parseRepoAddress } from '#lib/server/git/repo-address.ts';
import { createWorktree } from '#lib/server/git/worktree.ts';
import { gitIn, makeRepo, tempFolder, type Files } from './git-fixture.ts';

export const localRemote = (path: string): Remote => {
	const address = parseRepoAddress(path, { allowGitHosts: [], home: '/' });
	if (!address.ok) throw new Error(address.error.message);
	return { address: address.value, auth: null, policy: { allowGitHosts: [] } };
};

export interface MirrorFixture {
	git: Git;
	/** Temporary folder of everything. */
	folder: string;
	/** The person's own repository. */
	repo: string;
	mirrorPath: string;
	worktreePath: string;
	branchName: string;
	baseCommit: string;
	remove(): void;
}

export const makeMirrorFixture = async (files?: Files): Promise<MirrorFixture> => {
	const temp = tempFolder('git');
	const git = createGit();
	const repo = makeRepo(join(temp.path, 'repo'), files);
	const mirrorPath = join(temp.path, 'mirror.git');
	const worktreePath = join(temp.path, 'worktrees', 'session-1');
	const branchName = 'agent/try-1';
	const fetched = await fetchMirror(git, { mirrorPath, remote: localRemote(repo) });
	if (!fetched.ok) throw new Error(fetched.error.message);
	const baseCommit = gitIn(repo, 'rev-parse', 'HEAD');
	await pinBase(git, mirrorPath, branchName, baseCommit);
	const made = await createWorktree(git, {
		mirrorPath,
		worktreePath,
		branchName,
		baseCommit,
		baseBranch: 'main',
		identity: { name: 'Agent', email: 'agent@localhost' }
	});
	if (!made.ok) throw new Error(made.error.message);
	return {
		git,
		folder: temp.path,
		repo,
		mirrorPath,
		worktreePath,
		branchName,
		baseCommit,
		remove: temp.remove
	};
};
