/**
 * Makes a session's checkout with a git directory of its own. It is written by hand but for one
 * `git reset`: objects are borrowed from the mirror by its `objects/info/alternates`, so nothing is
 * copied, and nothing outside can be reached through it. Made under another name and renamed, so
 * that a worktree that is there is whole; made before any agent ran, so that nothing in it is hostile
 * but the repository's content, for which no filter, hook or attribute driver is configured.
 */
import {
	chmod,
	lstat,
	mkdir,
	readFile,
	readdir,
	rename,
	rm,
	stat,
	writeFile
} from 'node:fs/promises';
import { dirname, join, basename } from 'node:path';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { isBranchName } from '#lib/domain/branch-name.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import { diskError, orDiskFull } from './disk-error.ts';
import type { Git } from './exec.ts';

const CHECKOUT_TIMEOUT_MS = 15 * 60 * 1000;

/** Who the agent commits as. */
export interface GitIdentity {
	name: string;
	email: string;
}

export interface WorktreeSpec {
	mirrorPath: string;
	/** Must not be there, or be a worktree made by this function. */
	worktreePath: string;
	/** The full name, such as `agent/fix-login-3f2a`. */
	branchName: string;
	/** The whole object id, of a commit in the mirror. */
	baseCommit: string;
	/** Where the branch stands, when it is not at its base: a commit in the mirror, too. */
	tipCommit?: string;
	/** Kept as `origin/<baseBranch>`, for the agent to compare with. */
	baseBranch: string;
	identity: GitIdentity;
	signal?: AbortSignal;
}

const exists = (path: string): Promise<boolean> =>
	lstat(path).then(
		() => true,
		() => false
	);

/** A value in git's configuration syntax, on one line. */
const configValue = (text: string): string => {
	// A control would end the line or the file.
	const plain = text.replace(/[\u0000-\u001f\u007f]+/g, ' ').trim();
	return `"${plain.replace(/["\\]/g, '\\$&')}"`;
};

/**
 * `checkStat` and `trustctime`: the files change owner after the checkout and are seen through
 * mounts; git would otherwise read all of them again at the first `git status`.
 */
const configText = (spec: WorktreeSpec, ignoreCase: boolean): string => {
	const sha256 = spec.baseCommit.length === 64;
	const lines = [
		'[core]',
		`\trepositoryformatversion = ${sha256 ? 1 : 0}`,
		'\tfilemode = true',
		'\tbare = false',
		'\tlogallrefupdates = true',
		'\ttrustctime = false',
		'\tcheckStat = minimal',
		...(ignoreCase ? ['\tignorecase = true', '\tprecomposeunicode = true'] : []),
		...(sha256 ? ['[extensions]', '\tobjectformat = sha256'] : []),
		'[user]',
		`\tname = ${configValue(spec.identity.name)}`,
		`\temail = ${configValue(spec.identity.email)}`,
		'[gc]',
		'\tauto = 0',
		'[maintenance]',
		'\tauto = false'
	];
	return `${lines.join('\n')}\n`;
};

const writeRef = async (gitDir: string, ref: string, commit: string): Promise<void> => {
	const path = join(gitDir, ref);
	await mkdir(dirname(path), { recursive: true });
	await writeFile(path, `${commit}\n`);
};

const writeGitDir = async (gitDir: string, spec: WorktreeSpec): Promise<void> => {
	await mkdir(join(gitDir, 'objects', 'info'), { recursive: true });
	await mkdir(join(gitDir, 'objects', 'pack'));
	await mkdir(join(gitDir, 'info'));
	await mkdir(join(gitDir, 'refs', 'tags'), { recursive: true });
	await writeFile(join(gitDir, 'config'), '');
	const ignoreCase = await exists(join(gitDir, 'CONFIG'));
	const shallow = await readFile(join(spec.mirrorPath, 'shallow')).catch(() => null);
	await Promise.all([
		writeFile(join(gitDir, 'HEAD'), `ref: refs/heads/${spec.branchName}\n`),
		writeFile(join(gitDir, 'config'), configText(spec, ignoreCase)),
		writeFile(
			join(gitDir, 'objects', 'info', 'alternates'),
			`${join(spec.mirrorPath, 'objects')}\n`
		),
		writeRef(gitDir, `refs/heads/${spec.branchName}`, spec.tipCommit ?? spec.baseCommit),
		writeRef(gitDir, `refs/remotes/origin/${spec.baseBranch}`, spec.baseCommit),
		...(shallow ? [writeFile(join(gitDir, 'shallow'), shallow)] : [])
	]);
};

const build = async (
	git: Git,
	spec: WorktreeSpec,
	path: string
): Promise<Result<void, WireError>> => {
	const gitDir = join(path, '.git');
	await rm(path, { recursive: true, force: true });
	await mkdir(path, { recursive: true });
	await writeGitDir(gitDir, spec);
	const checkedOut = await git.run({
		args: ['reset', '--hard', '--quiet', '--no-recurse-submodules'],
		gitDir,
		workTree: path,
		what: 'check out the files',
		config: [['core.logAllRefUpdates', 'false']],
		timeoutMs: CHECKOUT_TIMEOUT_MS,
		signal: spec.signal
	});
	if (!checkedOut.ok) return fail(await orDiskFull(checkedOut.error, path));
	await rename(path, spec.worktreePath);
	return ok();
};

/**
 * Makes the worktree, or leaves the one that is there. Never runs git in one that an agent has seen.
 * Errors: `disk_full`, `git_failed`, `git_timeout`, `git_missing`, `branch_invalid`.
 */
export const createWorktree = async (
	git: Git,
	spec: WorktreeSpec
): Promise<Result<{ created: boolean }, WireError>> => {
	if (!isBranchName(spec.branchName) || !isBranchName(spec.baseBranch)) {
		return fail(wireError('branch_invalid', 'That is not the name of a branch.'));
	}
	const isCommitId = (id: string): boolean => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(id);
	if (!isCommitId(spec.baseCommit) || !isCommitId(spec.tipCommit ?? spec.baseCommit)) {
		return fail(wireError('git_failed', 'The base is not a commit id.'));
	}
	const building = join(dirname(spec.worktreePath), `.${basename(spec.worktreePath)}.new`);
	return git.locks.run(spec.worktreePath, async () => {
		try {
			if (await exists(spec.worktreePath)) return ok({ created: false });
			const built = await build(git, spec, building);
			if (built.ok) return ok({ created: true });
			await rm(building, { recursive: true, force: true });
			return built;
		} catch (error) {
			await rm(building, { recursive: true, force: true }).catch(() => undefined);
			return fail(diskError(error, 'make the worktree'));
		}
	});
};

/** Gives a tree's folders back to us, where an agent took our rights away. Follows no link. */
const makeRemovable = async (path: string): Promise<void> => {
	const status = await lstat(path);
	if (!status.isDirectory()) return;
	await chmod(path, 0o700);
	for (const entry of await readdir(path, { withFileTypes: true })) {
		if (entry.isDirectory()) await makeRemovable(join(path, entry.name));
	}
};

/** Removes a worktree, or any folder a sandbox wrote to. Call it when no sandbox has it. */
export const removeWorktree = async (
	git: Git,
	worktreePath: string
): Promise<Result<void, WireError>> =>
	git.locks.run(worktreePath, async () => {
		const options = { recursive: true, force: true };
		try {
			await rm(worktreePath, options).catch(async () => {
				await makeRemovable(worktreePath);
				await rm(worktreePath, options);
			});
			return ok();
		} catch (error) {
			return fail(diskError(error, 'remove the worktree'));
		}
	});

/** Is it there? Says nothing about what an agent made of it. */
export const worktreeExists = async (worktreePath: string): Promise<boolean> =>
	(await stat(worktreePath).catch(() => null))?.isDirectory() ?? false;
