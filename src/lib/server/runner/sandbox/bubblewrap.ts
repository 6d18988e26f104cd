/**
 * Sandboxes without an engine: Linux namespaces made by bubblewrap, held by a small detached shim
 * (see `bubblewrap-shim.ts`) that outlives the manager and keeps its records in a folder that the
 * sandbox can't see: `<stateDirectory>/<sessionId>`.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from 'pino';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import type { Result } from '#lib/domain/result.ts';
import { fail, ok } from '#lib/domain/result.ts';
import type { BubblewrapBind } from './bubblewrap-arguments.ts';
import { bubblewrapArguments, INSIDE, INSIDE_PATH } from './bubblewrap-arguments.ts';
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
import { launchShim, withInit } from './bubblewrap-launch.ts';
import type { SandboxRecord } from './bubblewrap-shim.ts';
import { currentBootId, liveInit, readExit, readRecord, rememberInit } from './bubblewrap-shim.ts';
import { makeLeaf, removeLeaf } from './cgroup.ts';
import type {
	DriverCheck,
	ListedSandbox,
	SandboxDriver,
	SandboxRef,
	SandboxSpec
} from './driver.ts';
import { sameLabels } from './labels.ts';
import { makeHome } from './sandbox-owner.ts';

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
	/** Runs instead of the runner, for tests of the sandbox itself. */
	runnerCommand?: readonly string[];
}

const START_TIMEOUT_MS = 10_000;
const SAFE_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

const startFailed = (message: string): WireError => wireError('sandbox_start_failed', message);

const asWireError = (error: unknown): WireError => {
	const code = (error as NodeJS.ErrnoException | null)?.code;
	const message = error instanceof Error ? error.message : String(error);
	if (code === 'ENOSPC' || code === 'EDQUOT') return wireError('disk_full', message);
	return startFailed(message);
};

/** Our programs inside; npm only where it belongs to a Node outside the system's folders. */
const programBinds = (options: BubblewrapDriverOptions): BubblewrapBind[] => {
	const npm = join(dirname(dirname(options.nodePath)), 'lib/node_modules/npm');
	const ownNpm = !options.nodePath.startsWith('/usr/') && existsSync(npm);
	return [
		{ path: options.nodePath, target: INSIDE.node },
		{ path: options.claudePath, target: INSIDE.claude },
		{ path: options.runnerBundlePath, target: INSIDE.runner },
		...(ownNpm ? [{ path: npm, target: INSIDE.npm }] : [])
	];
};

export const createBubblewrapDriver = (options: BubblewrapDriverOptions): SandboxDriver => {
	const { stateDirectory, logger } = options;
	const bwrapPath = options.bwrapPath ?? findBubblewrap();
	const handles = createHandles(logger);
	const starting = new Map<string, Promise<unknown>>();
	let gathered: Promise<HostFacts> | null = null;

	const facts = (path: string): Promise<HostFacts> => {
		gathered ??= gatherHostFacts(join(stateDirectory, '.shared'), path).catch((error: unknown) => {
			gathered = null;
			throw error;
		});
		return gathered;
	};

	const missingProgram = (): WireError | null => {
		const missing = [options.nodePath, options.claudePath, options.runnerBundlePath].find(
			(path) => !existsSync(path)
		);
		return missing === undefined
			? null
			: wireError('sandbox_unavailable', `A program of the sandbox is missing: ${missing}`, {
					hint: 'Run `npm install`, then `npm run build:runner`.'
				});
	};

	const check = async (signal?: AbortSignal): Promise<DriverCheck> => {
		const version = bwrapPath && (await bubblewrapVersion(bwrapPath, signal).catch(() => null));
		let problem = findProblem(bwrapPath, version) ?? missingProgram();
		if (problem || !bwrapPath) {
			return { available: false, limited: false, version, problem, notes: [] };
		}
		try {
			const known = await facts(bwrapPath);
			problem = await trySandbox(known, signal);
			const { notes, parents } = known.cgroups;
			const limited = Object.keys(parents).length === 3;
			return { available: problem === null, limited, version, problem, notes };
		} catch (error) {
			return { available: false, limited: false, version, problem: asWireError(error), notes: [] };
		}
	};

	const adopt: SandboxDriver['adopt'] = (ref) => {
		const record = readRecord(ref.id);
		if (!record || !sameLabels(record, ref.labels) || dirname(ref.id) !== stateDirectory) {
			const gone = 'The sandbox is not there any more.';
			return Promise.resolve(fail(wireError('sandbox_died', gone)));
		}
		return Promise.resolve(ok(handles.open(ref, record)));
	};

	const remove: SandboxDriver['remove'] = async (ref) => {
		const record = readRecord(ref.id);
		if (dirname(ref.id) !== stateDirectory || (record && !sameLabels(record, ref.labels))) {
			return ok();
		}
		try {
			if (record) {
				await handles.end(ref, record);
				await removeLeaf(record.groups);
			}
			await rm(ref.id, { recursive: true, force: true });
			return ok();
		} catch (error) {
			return fail(asWireError(error));
		}
	};

	/** The sandbox that is there already: ours to keep, older and now gone, or in the way. */
	const settleExisting = async (ref: SandboxRef): Promise<Result<'none' | 'same', WireError>> => {
		const record = readRecord(ref.id);
		if (!record) {
			await rm(ref.id, { recursive: true, force: true });
			return ok('none' as const);
		}
		const { instance, session, epoch } = record;
		if (sameLabels(record, ref.labels)) return ok('same' as const);
		if (instance !== ref.labels.instance || session !== ref.labels.session) {
			return fail(startFailed('A sandbox of another instance holds this session.'));
		}
		if (epoch > ref.labels.epoch) {
			return fail(startFailed(`A newer sandbox of this session runs already (epoch ${epoch}).`));
		}
		const removed = await remove({ ...ref, labels: { instance, session, epoch } });
		return removed.ok ? ok('none' as const) : removed;
	};

	const create = async (ref: SandboxRef, spec: SandboxSpec, signal: AbortSignal) => {
		const known = await facts(bwrapPath ?? '');
		const owner = await stat(spec.worktreePath);
		if (owner.uid === 0) return fail(startFailed('The worktree belongs to root.'));
		const home = await makeHome(spec.sessionFolder);
		await mkdir(ref.id, { mode: 0o700 });
		const leaf = await makeLeaf(known.cgroups, leafName(ref.id), spec.limits);
		const { folders: groups, limited, notes } = leaf;
		const record: SandboxRecord = {
			...ref.labels,
			...{ bootId: currentBootId(), groups, limited, notes }
		};
		await writeFile(join(ref.id, 'sandbox.json'), JSON.stringify(record), { mode: 0o600 });
		const filtered = known.filterPath !== null;
		const argv = bubblewrapArguments(
			known.host,
			[
				...programBinds(options),
				{ path: spec.mirrorObjectsPath },
				{ path: spec.worktreePath, writable: true },
				{ path: spec.sessionFolder, writable: true },
				{ path: spec.doorDirectory }
			],
			{
				workingDirectory: spec.worktreePath,
				temporaryBytes: spec.limits.memoryBytes,
				seccompFd: filtered ? 5 : null,
				infoFd: 4
			},
			withInit(options.runnerCommand ?? [INSIDE.node, INSIDE.runner])
		);
		const failure = await launchShim({
			folder: ref.id,
			leaf,
			filterPath: known.filterPath,
			bwrapPath: known.bwrapPath,
			argv,
			env: {
				LANG: 'C.UTF-8',
				...spec.env,
				...{ PATH: INSIDE_PATH, HOME: home, AGENT_MANAGER_CLAUDE: INSIDE.claude }
			},
			signal: AbortSignal.any([signal, AbortSignal.timeout(START_TIMEOUT_MS)])
		});
		if (failure === null) {
			rememberInit(ref.id, record.bootId);
			return ok(handles.open(ref, record));
		}
		await remove(ref);
		return fail(startFailed(failure));
	};

	const start: SandboxDriver['start'] = async (spec, signal) => {
		const { session } = spec.labels;
		if (!SAFE_ID.test(session)) return fail(startFailed('The session id is not usable as a name.'));
		const problem = findProblem(bwrapPath, '1') ?? missingProgram();
		if (problem) return fail(problem);
		const ref: SandboxRef = {
			kind: 'bubblewrap',
			id: join(stateDirectory, session),
			labels: spec.labels
		};
		const turn = (starting.get(session) ?? Promise.resolve()).then(async () => {
			try {
				await mkdir(stateDirectory, { recursive: true, mode: 0o700 });
				const existing = await settleExisting(ref);
				if (!existing.ok) return existing;
				return existing.value === 'same' ? await adopt(ref) : await create(ref, spec, signal);
			} catch (error) {
				await remove(ref);
				return fail(asWireError(error));
			}
		});
		starting.set(session, turn);
		void turn.finally(() => {
			if (starting.get(session) === turn) starting.delete(session);
		});
		return turn;
	};

	const list: SandboxDriver['list'] = async (instance) => {
		try {
			const names = await readdir(stateDirectory).catch((error: NodeJS.ErrnoException) => {
				if (error.code === 'ENOENT') return [];
				throw error;
			});
			const found = names.map((name): ListedSandbox | null => {
				const id = join(stateDirectory, name);
				const record = readRecord(id);
				if (!record || record.instance !== instance) return null;
				const { session, epoch, bootId } = record;
				const exit = readExit(id, bootId);
				const left = exit?.cause === 'lost' && liveInit(id, bootId) !== null;
				const running = exit === null || left;
				return {
					ref: { kind: 'bubblewrap', id, labels: { instance, session, epoch } },
					running,
					exit
				};
			});
			return ok(found.filter((sandbox) => sandbox !== null));
		} catch (error) {
			return fail(asWireError(error));
		}
	};

	return {
		kind: 'bubblewrap',
		check,
		start,
		runOnce: async (spec, argv, stdio, signal) => {
			const problem = findProblem(bwrapPath, '1');
			if (problem || !bwrapPath) return fail(problem ?? startFailed('bubblewrap is missing.'));
			try {
				return await runOnceInBubblewrap(await facts(bwrapPath), spec, argv, stdio, signal);
			} catch (error) {
				return fail(asWireError(error));
			}
		},
		list,
		adopt,
		remove
	};
};

/** A name for the control group: unique to this folder, whatever else the machine runs. */
const leafName = (folder: string): string =>
	createHash('sha256').update(folder).digest('hex').slice(0, 24);
