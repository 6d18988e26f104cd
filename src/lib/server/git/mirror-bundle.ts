/** A whole mirror as one file, and back: every ref with its history, so that no upstream is needed. */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { ok, type Result } from '#lib/domain/result.ts';
import type { Git } from './exec.ts';
import { initMirror } from './mirror.ts';

const TIMEOUT_MS = 30 * 60 * 1000;

/** False when there is nothing in it yet, and no file. */
export const bundleMirror = async (
	git: Git,
	mirrorPath: string,
	filePath: string
): Promise<Result<boolean, WireError>> => {
	const refs = await git.run({
		args: ['for-each-ref', '--count=1'],
		gitDir: mirrorPath,
		what: 'list the branches'
	});
	if (!refs.ok) return refs;
	if (refs.value.stdout === '') return ok(false);
	const written = await git.run({
		args: ['bundle', 'create', '--quiet', filePath, '--all'],
		gitDir: mirrorPath,
		what: 'bundle the mirror',
		timeoutMs: TIMEOUT_MS
	});
	return written.ok ? ok(true) : written;
};

/** Makes the mirror from its bundle; every object is checked on the way. */
export const unbundleMirror = async (
	git: Git,
	filePath: string,
	mirrorPath: string
): Promise<Result<void, WireError>> => {
	const format = await bundleFormat(git, filePath);
	if (!format.ok) return format;
	const made = await initMirror(git, mirrorPath, format.value);
	if (!made.ok) return made;
	const fetched = await git.run({
		args: ['fetch', '--quiet', '--no-tags', '--no-write-fetch-head', filePath, '+refs/*:refs/*'],
		gitDir: mirrorPath,
		protocols: ['file'],
		what: 'read the bundle of a mirror',
		timeoutMs: TIMEOUT_MS
	});
	return fetched.ok ? ok() : fetched;
};

const bundleFormat = async (
	git: Git,
	filePath: string
): Promise<Result<'sha1' | 'sha256', WireError>> => {
	const heads = await git.run({
		args: ['bundle', 'list-heads', filePath],
		what: 'read the bundle of a mirror'
	});
	if (!heads.ok) return heads;
	return ok(/^[0-9a-f]{64} /.test(heads.value.stdout) ? 'sha256' : 'sha1');
};
