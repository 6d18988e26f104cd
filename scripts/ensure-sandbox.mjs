/** A session needs a Docker engine or bubblewrap; bubblewrap is the one that is quick to get. */
import { connect } from 'node:net';
import { say } from './progress.mjs';
import { findProgram } from './run-program.mjs';
import { installPackages } from './system-packages.mjs';

const CONNECT_TIMEOUT_MS = 1000;

/** Whether something listens where the Docker engine would: DOCKER_HOST, or the usual socket. */
function dockerEngineListens() {
	const address = process.env.DOCKER_HOST ?? 'unix:///var/run/docker.sock';
	/** @type {import('node:net').NetConnectOpts | null} */
	let target = null;
	if (address.startsWith('unix://')) target = { path: address.slice('unix://'.length) };
	else if (URL.canParse(address)) {
		const { hostname, port } = new URL(address);
		target = { host: hostname, port: Number(port || 2375) };
	}
	if (!target) return Promise.resolve(false);
	const socket = connect(target);
	return new Promise((resolve) => {
		const end = (/** @type {boolean} */ listens) => {
			socket.destroy();
			resolve(listens);
		};
		socket.setTimeout(CONNECT_TIMEOUT_MS, () => end(false));
		socket.on('connect', () => end(true));
		socket.on('error', () => end(false));
	});
}

export async function ensureSandbox() {
	if (process.platform !== 'linux' || findProgram('bwrap') || (await dockerEngineListens())) return;
	say('Sessions need a sandbox: no Docker engine answers here, and bubblewrap is not installed.');
	const result = await installPackages(['bubblewrap']);
	if (!result.installed)
		say(`The app starts, but sessions cannot run until you ${result.reason}\n`);
}
