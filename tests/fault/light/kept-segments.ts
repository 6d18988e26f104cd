/**
 * The truth, kept: a segment of the outbox that a runner would remove is moved aside instead. It has to
 * be the runner itself that does so: who looks from outside may come too late, and would then miss
 * records that were never lost.
 */
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { segmentFirstN } from '../../../packages/runner/src/outbox-codec.ts';

/** Beside the outbox in the session folder. */
export const KEPT_FOLDER = 'outbox-kept';

/** From now on, for every module that has `unlink` from Node. */
export const keepSegments = (): void => {
	const { unlink } = fs;
	fs.unlink = async (path) => {
		const name = basename(String(path));
		if (segmentFirstN(name) === null) return unlink(path);
		const kept = join(dirname(String(path)), '..', KEPT_FOLDER);
		await fs.mkdir(kept, { recursive: true });
		await fs.rename(path, join(kept, name));
	};
	syncBuiltinESMExports();
};
