/** What of a list is on the screen, and how something of it gets there. */
import type { VirtualizerHandle } from 'virtua/svelte';
import type { Block } from '#lib/domain/transcript-blocks.ts';
import { seqOfBlock } from '#lib/domain/transcript-place.ts';

/** The event that a row or the nearest one before it stands for. */
const seqNear = (blocks: Block[], index: number): number => {
	for (let at = Math.min(index, blocks.length - 1); at >= 0; at--) {
		const block = blocks[at];
		const seq = block ? seqOfBlock(block) : null;
		if (seq !== null) return seq;
	}
	return 0;
};

/** First and last event in view. */
export const seqsInView = (
	list: VirtualizerHandle,
	scroller: HTMLElement,
	blocks: Block[]
): { first: number; last: number } => {
	const top = list.getScrollOffset();
	return {
		first: seqNear(blocks, list.findItemIndex(top)),
		last: seqNear(blocks, list.findItemIndex(top + scroller.clientHeight))
	};
};

/** Scrolls so that a range is in view, when it is not: a card may be longer than the screen. */
export const bringIntoView = (scroller: HTMLElement, range: Range): void => {
	const { top, bottom } = range.getBoundingClientRect();
	const frame = scroller.getBoundingClientRect();
	if (top >= frame.top && bottom <= frame.bottom) return;
	scroller.scrollTop += top - frame.top - scroller.clientHeight / 3;
};
