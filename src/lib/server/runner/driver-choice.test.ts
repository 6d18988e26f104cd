import pino from 'pino';
import { describe, expect, it } from 'vitest';
import type { DriverKind } from '@agent-manager/protocol/session.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { createDrivers } from './driver-choice.ts';
import type { SandboxDriver } from './sandbox/driver.ts';

const PROBLEMS = {
	down: wireError('engine_unreachable', 'The engine does not answer.', { hint: 'Start Docker.' }),
	noImage: wireError('sandbox_image_missing', 'The image is not there.', { hint: 'Build it.' }),
	missing: wireError('sandbox_unavailable', 'bubblewrap is missing.', { hint: 'Install it.' })
};

const makeDrivers = (
	wish: 'auto' | DriverKind,
	docker: WireError | null,
	bubblewrap: WireError | null = null
) => {
	const problems: Record<DriverKind, WireError | null> = { docker, bubblewrap };
	const checks: DriverKind[] = [];
	const builds: ((built: Result<unknown, WireError> | Error) => void)[] = [];
	const state = { outdated: false };
	let nowMs = 0;
	const fake = (kind: DriverKind) =>
		({
			kind,
			check: () => {
				checks.push(kind);
				const problem = problems[kind];
				const available = problem === null;
				const outdated = kind === 'docker' && state.outdated;
				return Promise.resolve({
					...{ available, limited: true, outdated, version: '1', problem, notes: [] }
				});
			}
		}) as unknown as SandboxDriver;
	const drivers = createDrivers({
		wish,
		docker: fake('docker'),
		bubblewrap: fake('bubblewrap'),
		buildImage: (onLine) => {
			onLine('Step 1/9');
			return new Promise((resolve, reject) =>
				builds.push((built) => (built instanceof Error ? reject(built) : resolve(built)))
			);
		},
		logger: pino({ level: 'silent' }),
		nowMs: () => nowMs,
		onChange: () => undefined
	});
	const choose = async (before: DriverKind | null = null): Promise<string> => {
		const chosen = await drivers.choose(before);
		return chosen.ok ? chosen.value.driver.kind : chosen.error.code;
	};
	const wait = (ms: number): number => (nowMs += ms);
	return { drivers, problems, state, checks, builds, choose, wait };
};

describe('which driver makes the next sandbox', () => {
	const cases: [string, 'auto' | DriverKind, WireError | null, WireError | null, string][] = [
		['both are there', 'auto', null, null, 'docker'],
		['the engine is down', 'auto', PROBLEMS.down, null, 'bubblewrap'],
		['the image is missing', 'auto', PROBLEMS.noImage, null, 'bubblewrap'],
		['neither is there', 'auto', PROBLEMS.down, PROBLEMS.missing, 'sandbox_unavailable'],
		['Docker is wished for and down', 'docker', PROBLEMS.down, null, 'sandbox_unavailable'],
		['Docker is wished for without image', 'docker', PROBLEMS.noImage, null, 'sandbox_unavailable'],
		['bubblewrap is wished for', 'bubblewrap', null, null, 'bubblewrap'],
		[
			'bubblewrap is wished for, missing',
			'bubblewrap',
			null,
			PROBLEMS.missing,
			'sandbox_unavailable'
		]
	];
	it.each(cases)('%s', async (_name, wish, docker, bubblewrap, expected) => {
		expect(await makeDrivers(wish, docker, bubblewrap).choose()).toBe(expected);
	});

	it('says what is wrong with each, and how to mend it', async () => {
		const { drivers } = makeDrivers('auto', PROBLEMS.down, PROBLEMS.missing);
		const chosen = await drivers.choose(null);
		expect(chosen).toMatchObject({
			ok: false,
			error: {
				message: 'No sandbox can be made here. The engine does not answer. bubblewrap is missing.',
				hint: 'Start Docker. Or: Install it.'
			}
		});
	});

	it('keeps a session’s kind while it can be had', async () => {
		const { problems, choose, drivers } = makeDrivers('auto', null);
		expect(await choose('bubblewrap')).toBe('bubblewrap');
		problems.bubblewrap = PROBLEMS.missing;
		drivers.doubt('bubblewrap');
		expect(await choose('bubblewrap')).toBe('docker');
	});

	it('believes one that was there for a while, unless a start with it failed', async () => {
		const { problems, checks, choose, drivers, wait } = makeDrivers('auto', null);
		await choose();
		problems.docker = PROBLEMS.down;
		expect(await choose()).toBe('docker');
		expect(checks).toEqual(['docker']);
		drivers.doubt('docker');
		expect(await choose()).toBe('bubblewrap');
		problems.docker = null;
		expect(await choose()).toBe('docker');
		problems.docker = PROBLEMS.down;
		wait(15_000);
		expect(await choose()).toBe('bubblewrap');
	});
});

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('an image that is missing', () => {
	it('is built once in the background, with its progress, while bubblewrap serves', async () => {
		const { drivers, problems, builds, choose } = makeDrivers('auto', PROBLEMS.noImage);
		expect(drivers.imageBuild()).toBeNull();
		await Promise.all([choose(), choose(), choose()]);
		expect(builds).toHaveLength(1);
		expect(drivers.imageBuild()).toEqual({
			...{ state: 'building', replaces: false, lastLine: 'Step 1/9' }
		});
		problems.docker = null;
		builds[0]?.(ok());
		await settle();
		expect(drivers.imageBuild()).toBeNull();
		expect(await choose()).toBe('docker');
	});

	it.each([
		['fails', fail(PROBLEMS.noImage)],
		['throws', new Error('no space left')]
	])('is not built again at once when the build %s, but later', async (_name, outcome) => {
		const { drivers, builds, choose, wait } = makeDrivers('auto', PROBLEMS.noImage);
		await choose();
		builds[0]?.(outcome);
		await settle();
		expect(drivers.imageBuild()?.state).toBe('failed');
		expect(await choose()).toBe('bubblewrap');
		expect(builds).toHaveLength(1);
		wait(10 * 60_000);
		await choose();
		expect(builds).toHaveLength(2);
	});
});

describe('an image of other sources', () => {
	it('serves on while it is built anew, once', async () => {
		const { drivers, state, builds, choose, wait } = makeDrivers('auto', null);
		state.outdated = true;
		expect(await choose()).toBe('docker');
		expect(await choose()).toBe('docker');
		expect(builds).toHaveLength(1);
		expect(drivers.imageBuild()).toMatchObject({ state: 'building', replaces: true });
		state.outdated = false;
		builds[0]?.(ok());
		await settle();
		expect(drivers.imageBuild()).toBeNull();
		expect((await drivers.status())[0]).toMatchObject({ kind: 'docker', outdated: false });
		wait(10 * 60_000);
		await choose();
		expect(builds).toHaveLength(1);
	});

	it('goes on serving when it can not be built', async () => {
		const { drivers, state, builds, choose } = makeDrivers('docker', null);
		state.outdated = true;
		await choose();
		builds[0]?.(fail(PROBLEMS.noImage));
		await settle();
		expect(drivers.imageBuild()).toMatchObject({ state: 'failed', replaces: true });
		expect(await choose()).toBe('docker');
		expect(builds).toHaveLength(1);
	});
});
