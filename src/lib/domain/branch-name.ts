/**
 * Names of branches: git's grammar and ours. Git allows much in a name that reads as something else
 * in a shell, a refspec or a terminal; what a person may choose here is letters, digits, dots,
 * dashes, underscores and slashes of any script.
 */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from './errors.ts';
import { fail, ok, type Result } from './result.ts';

const SUFFIX_MAX_BYTES = 200;
const BRANCH_MAX_BYTES = 250;
const SLUG_MAX_LENGTH = 40;

const utf8Length = (text: string): number => new TextEncoder().encode(text).length;

/** What `git check-ref-format` refuses in a branch name, or null. */
const gitObjection = (name: string): string | null => {
	// Git refuses exactly these.
	if (/[\u0000-\u0020\u007f~^:?*[\\]/.test(name)) return 'has a character that git does not allow';
	if (name.includes('..') || name.includes('@{')) return 'has “..” or “@{”';
	if (name === '@' || name.endsWith('.')) return 'ends with a dot, or is “@”';
	if (name.startsWith('-')) return 'starts with a dash';
	for (const part of name.split('/')) {
		if (part === '') return 'has an empty part between slashes';
		if (part.startsWith('.') || part.endsWith('.lock')) {
			return 'has a part that starts with a dot or ends with “.lock”';
		}
	}
	return null;
};

/** Is it a full ref such as `refs/heads/main` to git, and no revision like `main~1`? */
export const isRefName = (ref: string): boolean =>
	ref.startsWith('refs/') && ref.isWellFormed() && gitObjection(ref) === null;

/** Is it a branch name to git, one that can't be taken for an option, a refspec or a revision? */
export const isBranchName = (name: string): boolean =>
	name.isWellFormed() &&
	utf8Length(name) <= BRANCH_MAX_BYTES &&
	name !== 'HEAD' &&
	gitObjection(name) === null;

const ourObjection = (suffix: string): string | null => {
	if (!suffix.isWellFormed() || utf8Length(suffix) > SUFFIX_MAX_BYTES) {
		return `is longer than ${SUFFIX_MAX_BYTES} bytes`;
	}
	const git = gitObjection(suffix);
	if (git !== null) return git;
	if (!/^[\p{L}\p{M}\p{N}._/-]+$/u.test(suffix)) return 'has a character other than those allowed';
	const parts = suffix.split('/');
	if (parts[0] === 'refs') return 'starts with “refs/”';
	if (parts.some((part) => part.startsWith('-'))) return 'has a part that starts with a dash';
	if (parts.some((part) => part.toUpperCase() === 'HEAD')) return 'has a part named HEAD';
	return null;
};

/**
 * What a person may choose as `<suffix>` of `agent/<suffix>`, in Unicode's composed form.
 * Error: `branch_invalid`.
 */
export const checkBranchSuffix = (suffix: string): Result<string, WireError> => {
	const composed = suffix.normalize('NFC');
	const objection = composed === '' ? 'is empty' : ourObjection(composed);
	if (objection === null) return ok(composed);
	return fail(wireError('branch_invalid', `The branch name ${objection}.`));
};

/**
 * A readable suffix from the prompt's first words, made unique by `shortId`. Always one that
 * `checkBranchSuffix` takes, whatever the prompt: `fix-the-login-form-3f2a`.
 */
export const slugBranch = (prompt: string, shortId: string): string => {
	const words = prompt
		.slice(0, 500)
		.normalize('NFKD')
		.replace(/\p{M}/gu, '')
		.toLowerCase()
		.match(/[a-z0-9]+/g);
	let slug = '';
	for (const word of words ?? []) {
		const longer = slug === '' ? word : `${slug}-${word}`;
		if (longer.length > SLUG_MAX_LENGTH) break;
		slug = longer;
	}
	const id = shortId.toLowerCase().replace(/[^a-z0-9]/g, '') || '0';
	return `${slug || 'session'}-${id}`;
};

/**
 * Can't two branches be there together? Equal names can't, nor `a` with `a/b`, since refs may be
 * files; letter case does not tell them apart on every file system.
 */
export const branchNamesClash = (one: string, other: string): boolean => {
	const a = one.normalize('NFC').toLowerCase();
	const b = other.normalize('NFC').toLowerCase();
	return a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
};
