/** Parts of GitHub's answers that several of them have; what is shown is made clean here. */
import { z } from 'zod';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { cleanLine } from '#lib/domain/clean-text.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, type Result } from '#lib/domain/result.ts';

/** At most so many of a list are shown. */
export const SHOWN_MAX = 50;

export const line = z.string().transform((text) => cleanLine(text, 200));
export const webUrl = z.string().regex(/^https?:\/\//);
export const user = z
	.object({ login: line })
	.nullish()
	.transform((found) => found?.login ?? 'somebody');

export const unexpected = (): Result<never, WireError> =>
	fail(wireError('github_unreachable', 'GitHub answered in a form that was not expected.'));
