/**
 * Sandboxes without an engine: Linux namespaces made by bubblewrap, held by a small detached shim
 * (see `bubblewrap-shim.ts`) that outlives the manager and keeps its records in a folder that the
 * sandbox can't see: `<stateDirectory>/<sessionId>`.
 */
import { existsSync } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Logger } from 'pino';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { isSessionId } from '#lib/domain/finding.ts';
import type { Result } from '#lib/domain/result.ts';
import { fail, ok } from '#lib/domain/result.ts';
import { launchHere, type Launch } from '#lib/server/programs/launch.ts';
import { createHandles } from './bubblewrap-handle.ts';
import type { HostFacts } from './bubblewrap-host.ts';
import {
	bubblewrapVersion,
	findBubblewrap,
	findProblem,
	gatherHostFacts,
	trySandbox
} from './bubblewrap-host.ts';
import { runOnceInBubblewrap } from './bubblewrap-once.ts';
import { liveInit, readExit, readRecord } from './bubblewrap-shim.ts';
import type { BubblewrapContext, Programs } from './bubblewrap-start.ts';
import {
	adoptSandbox,
	asWireError,
	removeSandbox,
	startFailed,
	startSandbox
} from './bubblewrap-start.ts';
import type { DriverCheck, ListedSandbox, SandboxDriver, SurveyedSandbox } from './driver.ts';
import { createSessionTurns } from './session-turns.ts';

export interface BubblewrapDriverOptions {
	/** Folder for the records of all sandboxes, outside of anything a sandbox can write. */
	stateDirectory: string;
	/** The bundled runner, one file. */
	runnerBundlePath: string;
	/** The agent's native binary. */
	claudePath: string;
	/** The Node executable that runs the runner. */
	nodePath: string;
	logger: Logger;
	/** Found in the usual places when left out. */
	bwrapPath?: string;
	/** How short programs are started; default: as children of this process. */
	launch?: Launch;
	/** Runs instead of the runner, for tests of the sandbox itself. */
	runnerCommand?: readonly string[];
}

const SAFE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

const missingProgram = (programs: Programs): WireError | null => {
	const paths = [programs.nodePath, programs.claudePath, programs.runnerBundlePath];
	const missing = paths.find((path) => !existsSync(path));
	if (missing === undefined) return null;
	return wireError('sandbox_unavailable', `A program of the sandbox is missing: ${missing}`, {
		hint: 'Run `npm install`, then `npm run build:runner`.'
	});
};

/** Gathers the facts once; after a failure, anew. */
const factsOnce = (sharedFolder: string): ((bwrapPath: string) => Promise<HostFacts>) => {
	let gathered: Promise<HostFacts> | null = null;
	return (bwrapPath) => {
		gathered ??= gatherHostFacts(sharedFolder, bwrapPath).catch((error: unknown) => {
			gathered = null;
			throw error;
		});
		return gathered;
	};
};

/** A folder that is not there holds nothing. */
const orNoNames = (error: NodeJS.ErrnoException): string[] => {
	if (error.code === 'ENOENT') return [];
	throw error;
};

const listSandboxes = async (
	stateDirectory: string,
	instance: string
): Promise<Result<ListedSandbox[], WireError>> => {
	try {
		const names = await readdir(stateDirectory).catch(orNoNames);
		const found = names.map((name): ListedSandbox | null => {
			const id = join(stateDirectory, name);
			const record = readRecord(id);
			if (record?.instance !== instance) return null;
			const { session, epoch, bootId } = record;
			const exit = readExit(id, bootId);
			const livesOn = exit?.cause === 'lost' && liveInit(id, bootId) !== null;
			return {
				ref: { kind: 'bubblewrap', id, labels: { instance, session, epoch } },
				running: exit === null || livesOn,
				exit: livesOn ? null : exit
			};
		});
		return ok(found.filter((sandbox) => sandbox !== null));
	} catch (error) {
		return fail(asWireError(error));
	}
};

/** The folder that all sandboxes of the driver share is no record. */
const SHARED = '.shared';

const surveySandboxes = async (
	stateDirectory: string,
	instance: string
): Promise<Result<SurveyedSandbox[], WireError>> => {
	const listed = await listSandboxes(stateDirectory, instance);
	if (!listed.ok) return listed;
	const running = new Map(listed.value.map(({ ref, running: runs }) => [ref.id, runs]));
	try {
		const names = await readdir(stateDirectory).catch(orNoNames);
		const found = names
			.filter((name) => name !== SHARED)
			.map(async (name): Promise<SurveyedSandbox> => {
				const id = join(stateDirectory, name);
				const record = readRecord(id);
				const sinceMs = (await lstat(id).catch(() => null))?.mtimeMs ?? null;
				const isOurs = record === null ? isSessionId(name) : record.instance === instance;
				if (!isOurs) return { name, owner: 'foreign', ref: null, running: false, sinceMs };
				const labels = record ?? { instance, session: name, epoch: 0 };
				const { session, epoch } = labels;
				return {
					...{ name, owner: record === null ? 'broken' : 'session', sinceMs },
					ref: { kind: 'bubblewrap', id, labels: { instance, session, epoch } },
					running: running.get(id) ?? false
				};
			});
		return ok(await Promise.all(found));
	} catch (error) {
		return fail(asWireError(error));
	}
};

export const createBubblewrapDriver = (options: BubblewrapDriverOptions): SandboxDriver => {
	const stateDirectory = resolve(options.stateDirectory);
	const bwrapPath = options.bwrapPath ?? findBubblewrap();
	const facts = factsOnce(join(stateDirectory, SHARED));
	const inTurn = createSessionTurns();
	const launch = options.launch ?? launchHere;
	const context: BubblewrapContext = {
		stateDirectory,
		programs: options,
		handles: createHandles(options.logger)
	};

	const check = async (signal?: AbortSignal): Promise<DriverCheck> => {
		const version = bwrapPath && (await bubblewrapVersion(bwrapPath, signal).catch(() => null));
		const problem = findProblem(bwrapPath, version) ?? missingProgram(options);
		const unable = { available: false, limited: false, outdated: false, version, notes: [] };
		if (problem || !bwrapPath) return { ...unable, problem };
		try {
			const known = await facts(bwrapPath);
			const trouble = await trySandbox(known, signal);
			const { notes, parents } = known.cgroups;
			const limited = Object.keys(parents).length === 3;
			const available = trouble === null;
			return { available, limited, outdated: false, version, problem: trouble, notes };
		} catch (error) {
			return { ...unable, problem: asWireError(error) };
		}
	};

	/** Runs with the facts, or says why there are none. */
	const withFacts = async <T>(
		work: (known: HostFacts) => Promise<Result<T, WireError>>
	): Promise<Result<T, WireError>> => {
		const problem = findProblem(bwrapPath, '1');
		if (problem || !bwrapPath) return fail(problem ?? startFailed('bubblewrap is missing.'));
		try {
			return await work(await facts(bwrapPath));
		} catch (error) {
			return fail(asWireError(error));
		}
	};

	return {
		kind: 'bubblewrap',
		check,
		start: (spec, signal) => {
			const { session } = spec.labels;
			const problem = SAFE_ID.test(session)
				? missingProgram(options)
				: startFailed('The session id is not usable as a name.');
			if (problem) return Promise.resolve(fail(problem));
			return inTurn(session, () =>
				withFacts((known) => startSandbox(context, known, spec, signal))
			);
		},
		runOnce: (spec, argv, stdio, signal) =>
			withFacts((known) => runOnceInBubblewrap(launch, known, spec, argv, stdio, signal)),
		list: (instance) => listSandboxes(stateDirectory, instance),
		survey: (instance) => surveySandboxes(stateDirectory, instance),
		adopt: (ref) => Promise.resolve(adoptSandbox(context, ref)),
		remove: (ref) => inTurn(ref.labels.session, () => removeSandbox(context, ref))
	};
};
