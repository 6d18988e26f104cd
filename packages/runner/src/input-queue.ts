/**
 * The agent's input as the SDK wants it: an async iterable that stays open between turns and ends
 * when it is closed.
 */
export interface InputQueue<T> extends AsyncIterable<T> {
	push(item: T): void;
	close(): void;
}

export const createInputQueue = <T>(): InputQueue<T> => {
	const items: T[] = [];
	let closed = false;
	let wake: () => void = () => undefined;

	return {
		push(item) {
			items.push(item);
			wake();
		},
		close() {
			closed = true;
			wake();
		},
		async *[Symbol.asyncIterator]() {
			for (;;) {
				const item = items.shift();
				if (item !== undefined) yield item;
				else if (closed) return;
				else await new Promise<void>((resolve) => (wake = resolve));
			}
		}
	};
};
