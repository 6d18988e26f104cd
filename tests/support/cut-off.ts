/** A network between a client and the database's socket that can be cut: what is sent then comes later. */
import { createServer, connect, type Socket } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface CutOff {
	url: string;
	cut(): void;
	mend(): void;
	close(): Promise<void>;
}

/** `url` names the socket's folder in `host`. */
export async function cutOff(url: string): Promise<CutOff> {
	const behind = new URL(url.replace('@/', '@localhost/')).searchParams.get('host') ?? '';
	const folder = await mkdtemp(join(tmpdir(), 'am-net-'));
	const clients = new Set<Socket>();
	let isCut = false;
	const server = createServer((client) => {
		clients.add(client);
		const upstream = connect(join(behind, '.s.PGSQL.5432'));
		for (const [from, to] of [
			[client, upstream],
			[upstream, client]
		] as const) {
			from.on('error', () => to.destroy());
			from.on('close', () => to.destroy());
		}
		client.pipe(upstream);
		upstream.pipe(client);
		if (isCut) client.pause();
	});
	await new Promise<void>((resolve) => server.listen(join(folder, '.s.PGSQL.5432'), resolve));
	return {
		url: url.replace(encodeURIComponent(behind), encodeURIComponent(folder)),
		cut: () => {
			isCut = true;
			for (const client of clients) client.pause();
		},
		mend: () => {
			isCut = false;
			for (const client of clients) client.resume();
		},
		close: async () => {
			for (const client of clients) client.destroy();
			await new Promise((resolve) => server.close(resolve));
			await rm(folder, { recursive: true, force: true });
		}
	};
}
