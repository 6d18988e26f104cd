/** Asks a Node process through its inspector how much memory is live. */
import WebSocket from 'ws';

export interface Inspector {
	/** Heap and what hangs on it outside, after a full collection. */
	liveBytes(): Promise<number>;
	close(): void;
}

const EXPRESSION = '(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())';

export const openInspector = async (url: string): Promise<Inspector> => {
	const ws = new WebSocket(url);
	const answers = new Map<number, (result: { result?: { value: number } }) => void>();
	let count = 0;
	ws.on('message', (data: Buffer) => {
		const { id, result } = JSON.parse(data.toString('utf8'));
		answers.get(id)?.(result);
		answers.delete(id);
	});
	await new Promise((resolve, reject) => {
		ws.once('open', resolve);
		ws.once('error', reject);
	});
	const ask = (method: string, params: object = {}): Promise<{ result?: { value: number } }> =>
		new Promise((resolve) => {
			answers.set(++count, resolve);
			ws.send(JSON.stringify({ id: count, method, params }));
		});
	return {
		async liveBytes() {
			for (let round = 0; round < 3; round += 1) await ask('HeapProfiler.collectGarbage');
			const { result } = await ask('Runtime.evaluate', { expression: EXPRESSION });
			return result?.value ?? Number.NaN;
		},
		close: () => ws.terminate()
	};
};
