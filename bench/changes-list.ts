/** How a list of thousands of changed files is to use, beside one of few in the same run. */
import { ms, signed, times, type Row } from './figure.ts';
import type { Review } from './changes-review.ts';
import { median, quantile } from './statistics.ts';
import type { Workbench } from './workbench.ts';

export const MANY = 5_000;
/** More than a screen holds, so that they are scrolled, too. */
export const FEW_FILES = 'src/folder-0/*';

const NAME = `${MANY.toLocaleString('en')} changed files`;
export const MANY_LISTED = `${NAME}: request → first file painted`;
const PICKED = `${NAME}: click on the last one → its diff painted`;
const SCROLLED = `${NAME}: frames while one scrolls, p95; longest`;
const TYPED = `${NAME}: key in the filter → list painted, p95`;
export const MANY_FIGURES = [MANY_LISTED, PICKED, SCROLLED, TYPED];

const MAX_KEY_EXTRA_MS = 16;
const MAX_FRAME_MS = 100;
/** It fits fewer files with each key, and with the last one a few. */
const WORDS = 'folder-0/file-1';

interface Used {
	pickedMs: number[];
	frameMs: number[];
	keyMs: number[];
}

const use = async (review: Review, sessionId: string, used: Used): Promise<void> => {
	await review.open(sessionId);
	used.frameMs.push(...(await review.scrollList()));
	used.keyMs.push(...(await review.typeFilter(WORDS)));
	used.pickedMs.push(await review.pickLast());
};

export const useRows = async (
	bench: Workbench,
	review: Review,
	many: string,
	few: string,
	runs: number
): Promise<Row[]> => {
	const sides = [many, few].map((id) => {
		const used: Used = { pickedMs: [], frameMs: [], keyMs: [] };
		return { id, used };
	});
	for (let run = 0; run < runs; run += 1) {
		bench.say(`use ${run + 1} of ${runs}`);
		for (const { id, used } of run % 2 === 0 ? sides : sides.toReversed()) {
			await use(review, id, used);
		}
	}
	const [ours, bare] = sides.map(({ used }) => used) as [Used, Used];
	const picked = { limit: median(bare.pickedMs), measured: median(ours.pickedMs) };
	const frames = { limit: quantile(bare.frameMs, 0.95), measured: quantile(ours.frameMs, 0.95) };
	const keys = { limit: quantile(bare.keyMs, 0.95), measured: quantile(ours.keyMs, 0.95) };
	const longest = Math.max(...ours.frameMs);
	return [
		{
			figure: PICKED,
			limit: ms(picked.limit),
			measured: ms(picked.measured),
			comparison: times(picked.measured / picked.limit),
			goal: '≤ 1.5 ×',
			ok: picked.measured <= picked.limit * 1.5
		},
		{
			figure: SCROLLED,
			limit: ms(frames.limit),
			measured: `${ms(frames.measured)}; ${ms(longest)}`,
			comparison: times(frames.measured / frames.limit),
			goal: `≤ 1.3 ×; ≤ ${MAX_FRAME_MS} ms`,
			ok: frames.measured <= frames.limit * 1.3 && longest <= MAX_FRAME_MS
		},
		{
			figure: TYPED,
			limit: ms(keys.limit),
			measured: ms(keys.measured),
			comparison: signed(ms(keys.measured - keys.limit), keys.measured - keys.limit),
			goal: `≤ +${MAX_KEY_EXTRA_MS} ms`,
			ok: keys.measured - keys.limit <= MAX_KEY_EXTRA_MS
		}
	];
};
