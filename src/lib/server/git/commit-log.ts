/** The commits of a session, out of the mirror. */
import type { SessionCommit, SessionCommits } from '@agent-manager/protocol/changes.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { cleanLine } from '#lib/domain/clean-text.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { Compared } from './changes.ts';
import type { Git } from './exec.ts';
import { commitCount, isAncestor } from './refs.ts';

const COMMITS_MAX = 1_000;
const SUBJECT_MAX_COLUMNS = 300;
const NAME_MAX_COLUMNS = 100;
const FIELDS = 4;

/** Git cuts the texts: an agent's one-line message of a megabyte is none of ours to carry. */
const FORMAT = [
	'%H',
	'%at',
	`%<(${NAME_MAX_COLUMNS},trunc)%an`,
	`%<(${SUBJECT_MAX_COLUMNS},trunc)%s`
].join('%x00');

/** Seconds that a date can't hold are an agent's, too. */
const timeOf = (seconds: string | undefined): string => {
	const date = new Date(Number(seconds) * 1_000);
	const year = date.getUTCFullYear();
	return (year >= 1970 && year <= 9999 ? date : new Date(0)).toISOString();
};

const readLog = (output: string): SessionCommit[] => {
	const fields = output.split('\0');
	const commits: SessionCommit[] = [];
	for (let at = 0; at + FIELDS <= fields.length; at += FIELDS) {
		const [id = '', seconds, name = '', subject = ''] = fields.slice(at, at + FIELDS);
		commits.push({
			id,
			subject: cleanLine(subject),
			authorName: cleanLine(name),
			authoredAt: timeOf(seconds)
		});
	}
	return commits;
};

/** Commits reachable from `to` and not from `from`, newest first. */
export const listCommits = async (
	git: Git,
	{ mirrorPath, from, to }: Compared
): Promise<Result<SessionCommits, WireError>> => {
	const counted = await commitCount(git, mirrorPath, from, to);
	if (!counted.ok) return counted;
	const listed = await git.run({
		args: [
			'log',
			'-z',
			`--format=tformat:${FORMAT}`,
			`--max-count=${COMMITS_MAX}`,
			'--encoding=UTF-8',
			'--no-show-signature',
			'--end-of-options',
			to,
			`^${from}`
		],
		gitDir: mirrorPath,
		what: 'list the commits'
	});
	return listed.ok
		? ok({ commits: readLog(listed.value.stdout), commitCount: counted.value })
		: listed;
};

/** By the length of an id: the tree without files, which every repository knows. */
const EMPTY_TREES: Readonly<Record<number, string>> = {
	40: '4b825dc642cb6eb9a060e54bf8d69288fbee4904',
	64: '6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321'
};

/** One commit against its first parent; of a branch that has it, and no other. */
export const compareCommit = async (
	git: Git,
	mirrorPath: string,
	head: string,
	commit: string
): Promise<Result<Compared, WireError>> => {
	const gone = fail(
		wireError('not_found', 'The branch does not have this commit.', {
			hint: 'The agent may have rewritten its history: choose one of the list as it is now.'
		})
	);
	const there = await git.run({
		args: ['rev-parse', '--verify', '--quiet', '--end-of-options', `${commit}^{commit}`],
		gitDir: mirrorPath,
		what: 'look for a commit',
		acceptExitCodes: [1, 128]
	});
	if (!there.ok) return there;
	if (there.value.exitCode !== 0) return gone;
	const isOn = await isAncestor(git, mirrorPath, commit, head);
	if (!isOn.ok) return isOn;
	if (!isOn.value) return gone;
	const parent = await git.run({
		args: ['rev-parse', '--verify', '--quiet', '--end-of-options', `${commit}^1`],
		gitDir: mirrorPath,
		what: 'look for a commit',
		acceptExitCodes: [1, 128]
	});
	if (!parent.ok) return parent;
	const from = parent.value.stdout.trim() || (EMPTY_TREES[commit.length] ?? '');
	return ok({ mirrorPath, from, to: commit });
};
