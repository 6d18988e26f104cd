/** A model server that answers as the demo model does and keeps all that it was sent. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createDemoModel } from '../../src/lib/server/model/demo/demo-model.ts';

export interface RecordedRequest {
	url: string;
	headers: IncomingHttpHeaders;
	body: string;
}

export interface RecordingUpstream {
	/** For `ANTHROPIC_BASE_URL`. */
	baseUrl: string;
	requests: RecordedRequest[];
	close(): Promise<void>;
}

export const createRecordingUpstream = async (): Promise<RecordingUpstream> => {
	const model = createDemoModel({ paceFactor: 0 });
	const requests: RecordedRequest[] = [];
	const server = createServer((req, res) => {
		const request: RecordedRequest = { url: req.url ?? '', headers: req.headers, body: '' };
		requests.push(request);
		req.on('data', (chunk: Buffer) => (request.body += chunk.toString()));
		model.handle(req, res).catch(() => res.destroy());
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	return {
		baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		requests,
		close: () =>
			new Promise((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
			})
	};
};
