/**
 * What rewinds have set aside, as one row that opens: it is there to be read, and the agent knows nothing of
 * it. Open, its rows follow as they were.
 */
import type { SetAside } from '@agent-manager/protocol/rewind.ts';
import type { Block, SetAsideBlock } from './transcript-blocks.ts';
import { seqOfBlock } from './transcript-place.ts';

/** In order, none within or next to another. */
const union = (ranges: readonly SetAside[]): SetAside[] => {
	const joined: SetAside[] = [];
	for (const range of [...ranges].sort((a, b) => a.from - b.from)) {
		const last = joined.at(-1);
		if (last && range.from <= last.to) last.to = Math.max(last.to, range.to);
		else joined.push({ ...range });
	}
	return joined;
};

const header = ({ from, to }: SetAside, blocks: readonly Block[]): SetAsideBlock => ({
	kind: 'set_aside',
	key: `set-aside:${from}`,
	seq: from,
	ts: blocks[0]?.ts ?? null,
	to,
	prompts: blocks.filter(({ kind }) => kind === 'user').length
});

export const foldSetAside = (
	blocks: Block[],
	ranges: readonly SetAside[],
	isOpen: (key: string) => boolean
): Block[] => {
	if (ranges.length === 0) return blocks;
	const joined = union(ranges);
	const rows: Block[] = [];
	let within = null as { range: SetAside; blocks: Block[] } | null;
	const close = (): void => {
		if (!within) return;
		const row = header(within.range, within.blocks);
		rows.push(row, ...(isOpen(row.key) ? within.blocks : []));
		within = null;
	};
	for (const block of blocks) {
		const seq = seqOfBlock(block);
		const range: SetAside | undefined =
			seq === null ? within?.range : joined.find(({ from, to }) => seq >= from && seq < to);
		if (range !== within?.range) close();
		if (!range) rows.push(block);
		else if (within) within.blocks.push(block);
		else within = { range, blocks: [block] };
	}
	close();
	return rows;
};

/** The row that an event is folded into, closed or not. */
export const setAsideKeyOf = (blocks: readonly Block[], seq: number): string | null =>
	blocks.find(
		(block) =>
			block.kind === 'set_aside' && block.seq !== null && seq >= block.seq && seq < block.to
	)?.key ?? null;
