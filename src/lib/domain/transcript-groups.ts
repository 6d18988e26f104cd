/**
 * Runs of small calls as one row: an agent looks at twenty files, and a reader wants to know that it
 * did, not twenty lines of it. A run is put together once it is over, so that nothing moves while one
 * watches it.
 */
import type { Block, GroupBlock, ToolBlock } from './transcript-blocks.ts';
import { summarizeTool } from './transcript-tool-summary.ts';

/** They look and change nothing. */
const SMALL: ReadonlySet<string> = new Set([
	...['Read', 'Grep', 'Glob', 'LS', 'ToolSearch', 'BashOutput', 'WebSearch', 'WebFetch']
]);
/** Fewer are read as they are. */
const SHORTEST_RUN = 4;

const isSmall = (block: Block): block is ToolBlock =>
	block.kind === 'tool' &&
	block.name !== null &&
	SMALL.has(block.name) &&
	block.status === 'done' &&
	block.approval === null &&
	(block.result?.images.length ?? 0) === 0;

/** A group is the same object as long as its calls are: its row is not drawn anew. */
const known = new WeakMap<ToolBlock, GroupBlock>();

const groupOf = (first: ToolBlock, calls: ToolBlock[]): GroupBlock => {
	const before = known.get(first);
	const isSame =
		before?.children.length === calls.length &&
		before.children.every((call, at) => call === calls[at]);
	if (before && isSame) return before;
	const { key, seq, ts } = first;
	const group: GroupBlock = { kind: 'group', key: `group:${key}`, seq, ts, children: calls };
	known.set(first, group);
	return group;
};

export const groupRuns = (blocks: Block[]): Block[] => {
	const grouped: Block[] = [];
	let run: ToolBlock[] = [];
	const close = (): void => {
		const [first] = run;
		if (first && run.length >= SHORTEST_RUN) grouped.push(groupOf(first, run));
		else grouped.push(...run);
		run = [];
	};
	for (const block of blocks) {
		if (isSmall(block)) {
			run.push(block);
			continue;
		}
		close();
		grouped.push(block);
	}
	// The last one may go on.
	grouped.push(...run);
	return grouped;
};

/** Such as `Read 5, Search 2`: what was done most stands first. */
export const groupWords = ({ children }: GroupBlock): string => {
	const counts = new Map<string, number>();
	for (const call of children) {
		const { label } = summarizeTool(call);
		counts.set(label, (counts.get(label) ?? 0) + 1);
	}
	return [...counts]
		.sort(([, a], [, b]) => b - a)
		.map(([label, count]) => `${label} ${count}`)
		.join(', ');
};
