/**
 * Which driver makes the next sandbox. Docker if its engine answers and the image is there; without
 * the image it is built in the background while bubblewrap serves; without an engine, bubblewrap. An
 * image that is not of this app's sources serves on while it is built anew.
 */
import type { Logger } from 'pino';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { DriverKind } from '@agent-manager/protocol/session.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { DriverCheck, SandboxDriver } from './sandbox/driver.ts';

export interface DriverChoiceOptions {
	wish: 'auto' | DriverKind;
	docker: SandboxDriver | null;
	bubblewrap: SandboxDriver;
	/** Builds the image; lines as the engine says them. */
	buildImage: (onLine: (line: string) => void) => Promise<Result<unknown, WireError>>;
	logger: Logger;
	/** Monotonic. */
	nowMs: () => number;
	/** Something that `status` shows has changed. */
	onChange: () => void;
}

export interface ChosenDriver {
	driver: SandboxDriver;
	notes: string[];
}

export interface DriverStatus {
	kind: DriverKind;
	available: boolean;
	limited: boolean;
	outdated: boolean;
	version: string | null;
	problem: string | null;
	hint: string | null;
}

/** The image on its way. */
export interface ImageBuild {
	state: 'building' | 'failed';
	/** An older image is there and serves meanwhile. */
	replaces: boolean;
	lastLine: string;
}

/** A build that failed is tried again by the first start after so long. */
const REBUILD_MS = 10 * 60_000;

/** A driver that was there is believed for so long; one that was not is asked each time. */
const BELIEVE_MS = 15_000;

export interface Drivers {
	all(): readonly SandboxDriver[];
	choose(before: DriverKind | null): Promise<Result<ChosenDriver, WireError>>;
	/** A start with it has failed: it is asked anew before the next one. */
	doubt(kind: DriverKind): void;
	status(): Promise<DriverStatus[]>;
	imageBuild(): ImageBuild | null;
}

export const createDrivers = (options: DriverChoiceOptions): Drivers => {
	const { wish, docker, bubblewrap, buildImage, logger, nowMs, onChange } = options;
	const drivers = docker ? [docker, bubblewrap] : [bubblewrap];
	const believed = new Map<DriverKind, { check: DriverCheck; atMs: number }>();
	let build: ImageBuild | null = null;
	let failedAtMs = 0;

	const check = async (driver: SandboxDriver): Promise<DriverCheck> => {
		const known = believed.get(driver.kind);
		if (known && nowMs() - known.atMs < BELIEVE_MS) return known.check;
		const found = await driver.check();
		if (found.available) believed.set(driver.kind, { check: found, atMs: nowMs() });
		else believed.delete(driver.kind);
		return found;
	};

	const buildInBackground = (replaces: boolean): void => {
		if (build?.state === 'building') return;
		if (build?.state === 'failed' && nowMs() - failedAtMs < REBUILD_MS) return;
		build = { state: 'building', replaces, lastLine: 'starting' };
		logger.info({ replaces }, 'building the sandbox image');
		const ended = (problem: string | null): void => {
			build = problem === null ? null : { state: 'failed', replaces, lastLine: problem };
			believed.delete('docker');
			failedAtMs = nowMs();
			if (problem === null) logger.info('the sandbox image is built');
			else logger.warn({ problem }, 'the sandbox image could not be built');
			onChange();
		};
		buildImage((lastLine) => {
			build = { state: 'building', replaces, lastLine };
			onChange();
		}).then(
			(built) => ended(built.ok ? null : built.error.message),
			(cause: unknown) => ended(cause instanceof Error ? cause.message : String(cause))
		);
	};

	const order = (before: DriverKind | null): SandboxDriver[] => {
		const wished = wish === 'auto' ? drivers : drivers.filter(({ kind }) => kind === wish);
		return [...wished].sort((a, b) => Number(b.kind === before) - Number(a.kind === before));
	};

	return {
		all: () => drivers,
		doubt: (kind) => void believed.delete(kind),
		imageBuild: () => build,
		async choose(before) {
			const problems: WireError[] = [];
			for (const driver of order(before)) {
				const { available, outdated, problem } = await check(driver);
				if (outdated) buildInBackground(true);
				if (available) {
					const notes = problems.map(({ message }) => message);
					return ok({ driver, notes });
				}
				if (problem) problems.push(problem);
				if (problem?.code === 'sandbox_image_missing') buildInBackground(false);
			}
			const hints = problems.flatMap(({ hint }) => hint ?? []);
			return fail(
				wireError(
					'sandbox_unavailable',
					`No sandbox can be made here. ${problems.map(({ message }) => message).join(' ')}`.trim(),
					hints.length > 0 ? { hint: hints.join(' Or: ') } : {}
				)
			);
		},
		status: () =>
			Promise.all(
				drivers.map(async (driver) => {
					const { available, limited, outdated, version, problem } = await check(driver);
					const { message = null, hint = null } = problem ?? {};
					return {
						kind: driver.kind,
						available,
						limited,
						outdated,
						version,
						problem: message,
						hint
					};
				})
			)
	};
};
