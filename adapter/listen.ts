/** Takes the port, or says in words why it cannot be had and who has it. */
import { request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StartError } from './environment.ts';

/** Our server names itself in every answer, so that a second start can tell who has the port. */
export const SERVER_NAME = 'agent-manager';

const PROBE_TIMEOUT_MS = 1500;

/** The address to type into a browser or `curl` for something that listens on `host`. */
export function originOf(host: string, port: number): string {
	const name = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '[::1]' : host;
	return `http://${name.includes(':') && !name.startsWith('[') ? `[${name}]` : name}:${port}`;
}

/** Who answers there: the `server` header, or null if nobody speaks HTTP in time. */
function whoAnswers(origin: string): Promise<string | null> {
	return new Promise((resolve) => {
		const req = request(origin, { method: 'HEAD', timeout: PROBE_TIMEOUT_MS }, (res) => {
			res.resume();
			resolve(String(res.headers.server ?? ''));
		});
		req.on('timeout', () => req.destroy());
		req.on('error', () => resolve(null));
		req.end();
	});
}

async function portTaken(host: string, port: number): Promise<StartError> {
	const origin = originOf(host, port);
	const another = `PORT=${port === 65535 ? 3001 : port + 1}`;
	if ((await whoAnswers(origin)) === SERVER_NAME) {
		return new StartError(
			`Agent Manager is already running at ${origin}.`,
			`Use that one, or start a second with its own port and workspace:\n\n    ${another} WORKSPACE_ROOT=~/.agent-manager-2 npm start\n`
		);
	}
	return new StartError(
		`Port ${port} on ${host} is taken by another program.`,
		`Choose another one:\n\n    ${another} npm start\n`
	);
}

async function explain(error: NodeJS.ErrnoException, host: string, port: number): Promise<Error> {
	switch (error.code) {
		case 'EADDRINUSE':
			return portTaken(host, port);
		case 'EACCES':
			return new StartError(
				`Port ${port} may not be used by this user.`,
				'Choose one above 1023, such as PORT=3000.'
			);
		case 'EADDRNOTAVAIL':
		case 'ENOTFOUND':
			return new StartError(
				`HOST is ${JSON.stringify(host)}, which is no address of this machine.`,
				'Unset it to listen on 127.0.0.1.'
			);
		default:
			return error;
	}
}

/** Resolves with the port in use; rejects with a `StartError` for what a person can mend. */
export function listen(server: Server, host: string, port: number): Promise<number> {
	return new Promise((resolve, reject) => {
		const onError = (error: NodeJS.ErrnoException) => {
			explain(error, host, port).then(reject, reject);
		};
		server.once('error', onError);
		server.listen({ host, port }, () => {
			server.off('error', onError);
			resolve((server.address() as AddressInfo).port);
		});
	});
}
