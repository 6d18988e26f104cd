/**
 * The service `prepare` of compose.yaml: says in words what would go wrong later, before anything else starts. Gives
 * a workspace that the engine has just made to the app's user, and touches nothing else.
 */
import { chown, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

export interface PrepareOptions {
	/** Where the workspace is, here and on the machine. */
	workspace: string;
	uid: number;
	gid: number;
	/** Where the database's volume is. */
	databaseFolder: string;
	/** PostgreSQL's, of the image that the stack runs. */
	databaseMajor: string;
}

/** What is in the way, with what to do about it; null: go on. */
export const prepareStack = async (options: PrepareOptions): Promise<string | null> =>
	(await prepareWorkspace(options)) ?? (await checkVolume(options));

const prepareWorkspace = async ({
	workspace,
	uid,
	gid
}: PrepareOptions): Promise<string | null> => {
	const found = await stat(workspace);
	if (found.uid === uid) return null;
	const wanted = `the app runs as ${uid}:${gid}`;
	const hint =
		`Give it to that user (sudo chown -R ${uid}:${gid} ${workspace}), or set APP_UID and APP_GID ` +
		'in .env to who owns it (id -u, id -g).';
	if (found.uid !== 0) return `${workspace} belongs to user ${found.uid}, and ${wanted}.\n${hint}`;
	if ((await readdir(workspace)).length > 0) {
		return `${workspace} belongs to root and is not empty, and ${wanted}.\n${hint}`;
	}
	await chown(workspace, uid, gid);
	return null;
};

const checkVolume = async ({
	databaseFolder,
	databaseMajor
}: PrepareOptions): Promise<string | null> => {
	const made = await readFile(join(databaseFolder, 'PG_VERSION'), 'utf8').catch(() => null);
	if (made === null || made.trim() === databaseMajor) return null;
	return (
		`The database's volume was made by PostgreSQL ${made.trim()}, and this stack runs ${databaseMajor}.\n` +
		`Set POSTGRES_MAJOR=${made.trim()} in .env and make a backup (docs/operations.md); then go on with the new ` +
		'version on an empty volume (docker compose down -v) and put the backup back.'
	);
};

const environment = z.object({
	WORKSPACE_ROOT: z.string().regex(/^\/./),
	APP_UID: z.coerce.number().int().positive(),
	APP_GID: z.coerce.number().int().positive(),
	DATABASE_FOLDER: z.string().startsWith('/'),
	POSTGRES_MAJOR: z.string().regex(/^\d+$/)
});

/** Reads the environment; the problem, or null. */
export const prepareFrom = async (env: NodeJS.ProcessEnv): Promise<string | null> => {
	const parsed = environment.safeParse(env);
	if (!parsed.success) {
		const wrong = parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
		return `${wrong}: not as it must be. COMPOSE_WORKSPACE is an absolute path, APP_UID and APP_GID are not root's.`;
	}
	const { data } = parsed;
	return prepareStack({
		...{ workspace: data.WORKSPACE_ROOT, uid: data.APP_UID, gid: data.APP_GID },
		...{ databaseFolder: data.DATABASE_FOLDER, databaseMajor: data.POSTGRES_MAJOR }
	});
};
