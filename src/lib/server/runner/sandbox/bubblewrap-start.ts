/** Starting a bubblewrap sandbox: what was there before, its folder, its limits, its shim. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import type { Result } from '#lib/domain/result.ts';
import { fail, ok } from '#lib/domain/result.ts';
import { currentBootId } from '#lib/server/process-stat.ts';
import type { BubblewrapBind } from './bubblewrap-arguments.ts';
import { bubblewrapArguments, INSIDE, INSIDE_PATH } from './bubblewrap-arguments.ts';
import type { Handles } from './bubblewrap-handle.ts';
import type { HostFacts } from './bubblewrap-host.ts';
import { launchShim, withInit } from './bubblewrap-launch.ts';
import type { SandboxRecord } from './bubblewrap-shim.ts';
import { readRecord, rememberInit } from './bubblewrap-shim.ts';
import { makeLeaf, removeLeaf } from './cgroup.ts';
import type { RunningSandbox, SandboxRef, SandboxSpec } from './driver.ts';
import { sameLabels } from './labels.ts';
import { makeHome } from './sandbox-owner.ts';

const START_TIMEOUT_MS = 10_000;

/** Our programs on the host; `runnerCommand` runs instead of the runner. */
export interface Programs {
	runnerBundlePath: string;
	claudePath: string;
	nodePath: string;
	runnerCommand?: readonly string[];
}

/** What every operation of one driver works with. */
export interface BubblewrapContext {
	/** Absolute; each sandbox has a folder in it, named after its session. */
	stateDirectory: string;
	programs: Programs;
	handles: Handles;
}

export const startFailed = (message: string): WireError =>
	wireError('sandbox_start_failed', message);

export const asWireError = (error: unknown): WireError => {
	const code = (error as NodeJS.ErrnoException | null)?.code;
	const message = error instanceof Error ? error.message : String(error);
	if (code === 'ENOSPC' || code === 'EDQUOT') return wireError('disk_full', message);
	return startFailed(message);
};

/** Our programs inside; npm only where it belongs to a Node outside the system's folders. */
const programBinds = (programs: Programs): BubblewrapBind[] => {
	const npm = join(dirname(dirname(programs.nodePath)), 'lib/node_modules/npm');
	const ownNpm = !programs.nodePath.startsWith('/usr/') && existsSync(npm);
	return [
		{ path: programs.nodePath, target: INSIDE.node },
		{ path: programs.claudePath, target: INSIDE.claude },
		{ path: programs.runnerBundlePath, target: INSIDE.runner },
		...(ownNpm ? [{ path: npm, target: INSIDE.npm }] : [])
	];
};

/** A name for the control group: unique to this folder, whatever else the machine runs. */
const leafName = (folder: string): string =>
	createHash('sha256').update(folder).digest('hex').slice(0, 24);

/** Takes over the sandbox that a handle names. */
export const adoptSandbox = (
	{ stateDirectory, handles }: BubblewrapContext,
	ref: SandboxRef
): Result<RunningSandbox, WireError> => {
	const record = readRecord(ref.id);
	if (!record || !sameLabels(record, ref.labels) || dirname(ref.id) !== stateDirectory) {
		return fail(wireError('sandbox_died', 'The sandbox is not there any more.'));
	}
	return ok(handles.open(ref, record));
};

/** Ends and removes it with its folder and control groups; one that a handle does not name is left. */
export const removeSandbox = async (
	{ stateDirectory, handles }: BubblewrapContext,
	ref: SandboxRef
): Promise<Result<void, WireError>> => {
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
const settleExisting = async (
	context: BubblewrapContext,
	ref: SandboxRef
): Promise<Result<'none' | 'same', WireError>> => {
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
	const removed = await removeSandbox(context, { ...ref, labels: { instance, session, epoch } });
	return removed.ok ? ok('none' as const) : removed;
};

const sandboxArguments = (facts: HostFacts, spec: SandboxSpec, programs: Programs): string[] =>
	bubblewrapArguments(
		facts.host,
		[
			...programBinds(programs),
			{ path: spec.mirrorObjectsPath },
			{ path: spec.worktreePath, writable: true },
			{ path: spec.sessionFolder, writable: true },
			{ path: spec.doorDirectory }
		],
		{
			workingDirectory: spec.worktreePath,
			temporaryBytes: spec.limits.memoryBytes,
			seccompFd: facts.filterPath === null ? null : 5,
			infoFd: 4
		},
		withInit(programs.runnerCommand ?? [INSIDE.node, INSIDE.runner])
	);

const createSandbox = async (
	context: BubblewrapContext,
	facts: HostFacts,
	ref: SandboxRef,
	spec: SandboxSpec,
	signal: AbortSignal
): Promise<Result<RunningSandbox, WireError>> => {
	const owner = await stat(spec.worktreePath);
	if (owner.uid === 0) return fail(startFailed('The worktree belongs to root.'));
	const home = await makeHome(spec.sessionFolder);
	await mkdir(ref.id, { mode: 0o700 });
	const leaf = await makeLeaf(facts.cgroups, leafName(ref.id), spec.limits);
	const { folders: groups, limited, notes } = leaf;
	const record: SandboxRecord = {
		...ref.labels,
		...{ bootId: currentBootId(), groups, oomFile: leaf.oomFile, limited, notes }
	};
	await writeFile(join(ref.id, 'sandbox.json'), JSON.stringify(record), { mode: 0o600 });
	const failure = await launchShim({
		...{ folder: ref.id, leaf, filterPath: facts.filterPath, bwrapPath: facts.bwrapPath },
		argv: sandboxArguments(facts, spec, context.programs),
		env: {
			LANG: 'C.UTF-8',
			...spec.env,
			...{ PATH: INSIDE_PATH, HOME: home, AGENT_MANAGER_CLAUDE: INSIDE.claude }
		},
		signal: AbortSignal.any([signal, AbortSignal.timeout(START_TIMEOUT_MS)])
	});
	if (failure === null) {
		rememberInit(ref.id, record.bootId);
		return ok(context.handles.open(ref, record));
	}
	await removeSandbox(context, ref);
	return fail(startFailed(failure));
};

/** Adopts what is there with these labels, or makes it. Called for one session at a time. */
export const startSandbox = async (
	context: BubblewrapContext,
	facts: HostFacts,
	spec: SandboxSpec,
	signal: AbortSignal
): Promise<Result<RunningSandbox, WireError>> => {
	const { stateDirectory } = context;
	const ref: SandboxRef = {
		kind: 'bubblewrap',
		id: join(stateDirectory, spec.labels.session),
		labels: spec.labels
	};
	try {
		await mkdir(stateDirectory, { recursive: true, mode: 0o700 });
		const existing = await settleExisting(context, ref);
		if (!existing.ok) return existing;
		if (existing.value === 'same') return adoptSandbox(context, ref);
		return await createSandbox(context, facts, ref, spec, signal);
	} catch (error) {
		await removeSandbox(context, ref);
		return fail(asWireError(error));
	}
};
