/**
 * Marks words where they stand on the page, without touching the elements they stand in: colours of
 * code, links and selections stay. A browser without highlights of its own shows the block alone.
 */
const NAME = 'find';
/** In one block more than this is no help. */
const MAX_RANGES = 500;

const rangesIn = (root: HTMLElement, words: string): Range[] => {
	const wanted = words.toLowerCase();
	const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
	const ranges: Range[] = [];
	for (let node = walker.nextNode(); node && ranges.length < MAX_RANGES; node = walker.nextNode()) {
		const text = (node.textContent ?? '').toLowerCase();
		// Some letters change their length with their case; then the places would be wrong.
		if (text.length !== node.textContent?.length) continue;
		for (let at = text.indexOf(wanted); at !== -1; at = text.indexOf(wanted, at + wanted.length)) {
			const range = new Range();
			range.setStart(node, at);
			range.setEnd(node, at + wanted.length);
			ranges.push(range);
		}
	}
	return ranges;
};

/** Marks the words in an element for as long as it is there, also when it is drawn further. */
export const markWords = (
	root: HTMLElement,
	words: string,
	onFirst: (range: Range) => void
): (() => void) => {
	if (!('highlights' in CSS)) return () => undefined;
	let isShown = false;
	let shown: Highlight | null = null;
	const mark = (): void => {
		const ranges = rangesIn(root, words);
		shown = new Highlight(...ranges);
		CSS.highlights.set(NAME, shown);
		if (isShown || !ranges[0]) return;
		isShown = true;
		onFirst(ranges[0]);
	};
	const observer = new MutationObserver(mark);
	observer.observe(root, { childList: true, characterData: true, subtree: true });
	mark();
	return () => {
		observer.disconnect();
		// By now another block may be the marked one.
		if (CSS.highlights.get(NAME) === shown) CSS.highlights.delete(NAME);
	};
};
