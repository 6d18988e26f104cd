/**
 * Making the embedded database's data folder, and as whom its server has to run. Both follow from
 * who owns the data there is and who we are.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
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

/** As whom the server has to run, judged by who owns the data there is, or the way to it. */
export async function chooseUser(
	folder: string,
	dataFolder: string,
	namespace: boolean | undefined
): Promise<ServerUser> {
	const uid = process.geteuid?.();
	if (uid === undefined) return { kind: 'self' };
	const data = await stat(dataFolder).catch(() => null);
	const owner = data ?? (await stat(folder));
	if (uid !== 0) {
		if (owner.uid === uid) return { kind: 'self' };
		throw startFailure(
			`The database folder ${folder} belongs to user id ${owner.uid}, and this is user id ${uid}: ` +
				'it was made by another user, perhaps by a start as root.',
			`Stop the other one, then run \`sudo chown -R ${uid} ${folder}\`, or choose another WORKSPACE_ROOT.`
		);
	}
	if (owner.uid !== 0) return asOther(folder, owner);
	return data === null ? chooseForNew(folder, namespace) : chooseForOwn(folder, namespace);
}

/** Root, and no data yet. Whom it is given to, the folder belongs to from then on. */
async function chooseForNew(folder: string, namespace: boolean | undefined): Promise<ServerUser> {
	// In its namespace root has no power over the folders of others, such as a home it was lent.
	const foreign = await firstClosedFolder(folder, 0);
	if (foreign === null && (namespace ?? (await canMakeNamespace()))) return { kind: 'namespace' };
	const owner = foreign === null ? { uid: NOBODY, gid: NOBODY } : await stat(foreign);
	const user = await asOther(folder, owner);
	await giveTo(user, folder);
	return user;
}

async function asOther(folder: string, owner: { uid: number; gid: number }): Promise<ServerUser> {
	const closed = await firstClosedFolder(dirname(folder), owner.uid);
	if (closed !== null) {
		throw startFailure(
			`PostgreSQL does not run as root, and user id ${owner.uid} may not enter ${closed}.`,
			'Start as an ordinary user, set WORKSPACE_ROOT to a folder that others may enter, or set DATABASE_URL.'
		);
	}
	return { kind: 'other', uid: owner.uid, gid: owner.gid };
}

/** Root, and root's data, made when a namespace could be had. */
async function chooseForOwn(folder: string, namespace: boolean | undefined): Promise<ServerUser> {
	if (namespace ?? (await canMakeNamespace())) return { kind: 'namespace' };
	throw startFailure(
		`PostgreSQL does not run as root, user namespaces are off, and ${folder} belongs to root.`,
		`Run \`chown -R nobody ${folder}\` and start again, start as an ordinary user, or set DATABASE_URL.`
	);
}

/** Names of the folders that this process is making now. */
const inTheMaking = new Set<string>();

/** Makes the data folder if there is none. Resolves to whether this call made it. */
export async function makeDataFolder(
	place: Place,
	binaries: PostgresBinaries,
	onStatus?: (message: string) => void
): Promise<boolean> {
	const version = await readFile(join(place.dataFolder, 'PG_VERSION'), 'utf8').catch(() => null);
	if (version !== null) {
		checkDataVersion(place.dataFolder, version, binaries.majorVersion);
		return false;
	}
	onStatus?.('Creating the embedded database.');
	await removeUnfinished(place.folder, inTheMaking);
	const unfinished = await mkdtemp(join(place.folder, `data.new-${process.pid}-`));
	inTheMaking.add(basename(unfinished));
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
		return await renameUnlessThere(unfinished, place.dataFolder, binaries.majorVersion);
	} finally {
		await rm(passwordFile, { force: true });
		await rm(unfinished, { recursive: true, force: true });
		inTheMaking.delete(basename(unfinished));
	}
}

/** `dataVersion`: what `PG_VERSION` in the folder says. Throws when our binaries can't read it. */
export function checkDataVersion(
	dataFolder: string,
	dataVersion: string | null,
	ourVersion: string
): void {
	if (dataVersion === null) {
		throw startFailure(
			`${dataFolder} is there, but holds no database.`,
			'Move it away, then start again: the folder is made anew.'
		);
	}
	if (dataVersion.trim() === ourVersion) return;
	throw startFailure(
		`The data in ${dataFolder} is of PostgreSQL ${dataVersion.trim()}; this app brings ${ourVersion}.`,
		`Start the version of the app that made it to read it, or move ${dataFolder} away to begin anew.`
	);
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
async function renameUnlessThere(from: string, to: string, ourVersion: string): Promise<boolean> {
	try {
		await rename(from, to);
		return true;
	} catch (error) {
		const code = (error as NodeJS.ErrnoException).code;
		if (code !== 'ENOTEMPTY' && code !== 'EEXIST' && code !== 'EPERM') throw error;
		checkDataVersion(
			to,
			await readFile(join(to, 'PG_VERSION'), 'utf8').catch(() => null),
			ourVersion
		);
		return false;
	}
}
