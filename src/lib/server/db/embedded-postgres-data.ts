/**
 * Making the embedded database's data folder, and as whom its server has to run. Both follow from
 * who owns the data there is and who we are.
 */
import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { wireError } from '#lib/domain/errors.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { PostgresBinaries } from './embedded-postgres-binaries.ts';
import {
	completeDataFolder,
	firstClosedFolder,
	giveTo,
	PASSWORD_FILE,
	removeUnfinished
} from './embedded-postgres-folder.ts';
import { canMakeNamespace, runToEnd, type ServerUser } from './embedded-postgres-process.ts';

export const ROLE = 'agent_manager';
/** User and group of `nobody` on every Linux we know. */
const NOBODY = 65_534;

/** An expected failure on the way, turned into a `Result` at the edge. */
export class StartFailure extends Error {
	readonly wire: WireError;
	constructor(wire: WireError) {
		super(wire.message);
		this.wire = wire;
	}
}

export const startFailure = (message: string, hint: string): StartFailure =>
	new StartFailure(wireError('database_unreachable', message, { hint }));

/** Where one embedded server lives, and as whom it runs. */
export interface Place {
	folder: string;
	dataFolder: string;
	user: ServerUser;
	/** Null: a port on loopback. */
	socketFolder: string | null;
}

/** As whom the server has to run, judged by who owns the data there is. */
export async function chooseUser(
	folder: string,
	dataFolder: string,
	namespace: boolean | undefined
): Promise<ServerUser> {
	const uid = process.geteuid?.();
	if (uid === undefined) return { kind: 'self' };
	const data = await stat(dataFolder).catch(() => null);
	if (uid !== 0) {
		const owner = data?.uid ?? (await stat(folder)).uid;
		if (owner === uid) return { kind: 'self' };
		throw startFailure(
			`The database folder ${folder} belongs to user id ${owner}, and this is user id ${uid}: ` +
				'it was made by another user, perhaps by a start as root.',
			`Stop the other one, then run \`sudo chown -R ${uid} ${folder}\`, or choose another WORKSPACE_ROOT.`
		);
	}
	if (data !== null && data.uid !== 0) return { kind: 'other', uid: data.uid, gid: data.gid };
	if (namespace ?? (await canMakeNamespace())) return { kind: 'namespace' };
	if (data !== null) {
		throw startFailure(
			`PostgreSQL does not run as root, user namespaces are off, and ${dataFolder} belongs to root.`,
			`Run \`chown -R nobody ${folder}\` and start again, start as an ordinary user, or set DATABASE_URL.`
		);
	}
	await chmod(folder, 0o711);
	const closed = await firstClosedFolder(folder, NOBODY);
	if (closed === null) return { kind: 'other', uid: NOBODY, gid: NOBODY };
	throw startFailure(
		`PostgreSQL does not run as root, user namespaces are off, and the user nobody may not enter ${closed}.`,
		'Start as an ordinary user, set WORKSPACE_ROOT to a folder that others may enter, or set DATABASE_URL.'
	);
}

/** Makes the data folder if there is none. Resolves to whether this call made it. */
export async function makeDataFolder(
	place: Place,
	binaries: PostgresBinaries,
	onStatus?: (message: string) => void
): Promise<boolean> {
	const version = await readFile(join(place.dataFolder, 'PG_VERSION'), 'utf8').catch(() => null);
	if (version !== null) {
		if (version.trim() === binaries.majorVersion) return false;
		throw startFailure(
			`The data in ${place.dataFolder} is of PostgreSQL ${version.trim()}; this app brings ${binaries.majorVersion}.`,
			`Start the version of the app that made it to read it, or move ${place.dataFolder} away to begin anew.`
		);
	}
	onStatus?.('Creating the embedded database.');
	await removeUnfinished(place.folder);
	const unfinished = await mkdtemp(join(place.folder, `data.new-${process.pid}-`));
	const passwordFile = `${unfinished}.password`;
	const password = randomBytes(24).toString('base64url');
	try {
		await giveTo(place.user, unfinished);
		await writeFile(passwordFile, password, { mode: 0o600 });
		await giveTo(place.user, passwordFile);
		await runToEnd(
			place.user,
			binaries.initdb,
			initArguments(unfinished, passwordFile),
			place.folder
		);
		await completeDataFolder(unfinished, password);
		await giveTo(place.user, join(unfinished, PASSWORD_FILE));
		await giveTo(place.user, join(unfinished, 'agent-manager.conf'));
		return await renameUnlessThere(unfinished, place.dataFolder);
	} finally {
		await rm(passwordFile, { force: true });
		await rm(unfinished, { recursive: true, force: true });
	}
}

/** Byte order with Unicode's upper and lower case: the same on every machine. */
const initArguments = (dataFolder: string, passwordFile: string): string[] => [
	`--pgdata=${dataFolder}`,
	`--username=${ROLE}`,
	`--pwfile=${passwordFile}`,
	'--auth=scram-sha-256',
	'--encoding=UTF8',
	'--locale=C',
	'--locale-provider=builtin',
	'--builtin-locale=C.UTF-8',
	'--data-checksums',
	'--no-instructions'
];

/** False when another manager was quicker; its folder is then used. */
async function renameUnlessThere(from: string, to: string): Promise<boolean> {
	try {
		await rename(from, to);
		return true;
	} catch (error) {
		const code = (error as NodeJS.ErrnoException).code;
		if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'EPERM') throw error;
		if (await stat(join(to, 'PG_VERSION')).catch(() => null)) return false;
		throw startFailure(
			`${to} is there, but holds no database.`,
			'Move it away, then start again: the folder is made anew.'
		);
	}
}
