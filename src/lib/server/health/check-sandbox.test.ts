import { describe, expect, it } from 'vitest';
import { wireError } from '#lib/domain/errors.ts';
import type { DriverCheck } from '#lib/server/runner/sandbox/driver.ts';
import type { BackportTools } from './backports.ts';
import { checkContainerPrograms, checkDrivers } from './check-sandbox.ts';

const works: DriverCheck = {
	available: true,
	outdated: false,
	limited: true,
	version: '27.5.1',
	problem: null,
	notes: []
};
const off = (code: 'engine_unreachable' | 'sandbox_image_missing' | 'sandbox_unavailable') => ({
	...works,
	available: false,
	limited: false,
	problem: wireError(code, `It is ${code}.`)
});
const engineOff = { ...off('engine_unreachable'), version: null };
const bwrapOff = { ...off('sandbox_unavailable'), version: null };

const rows = (
	wish: 'auto' | 'docker' | 'bubblewrap',
	docker: DriverCheck,
	bubblewrap: DriverCheck
): string[] =>
	checkDrivers({ wish, image: 'image:tag', docker, bubblewrap }).map(
		({ name, status }) => `${name} ${status}`
	);

describe('checkDrivers', () => {
	it.each([
		['auto', works, works, ['Docker engine ok', 'Sandbox image ok', 'bubblewrap ok']],
		[
			'auto',
			{ ...works, outdated: true },
			works,
			['Docker engine ok', 'Sandbox image warn', 'bubblewrap ok']
		],
		['auto', engineOff, works, ['Docker engine warn', 'bubblewrap ok']],
		['auto', works, bwrapOff, ['Docker engine ok', 'Sandbox image ok', 'bubblewrap warn']],
		['auto', engineOff, bwrapOff, ['Docker engine fail', 'bubblewrap fail']],
		[
			'auto',
			off('sandbox_image_missing'),
			works,
			['Docker engine ok', 'Sandbox image warn', 'bubblewrap ok']
		],
		[
			'auto',
			off('sandbox_image_missing'),
			bwrapOff,
			['Docker engine ok', 'Sandbox image fail', 'bubblewrap fail']
		],
		['docker', engineOff, works, ['Docker engine fail', 'bubblewrap ok']],
		['bubblewrap', works, bwrapOff, ['Docker engine ok', 'bubblewrap fail']],
		[
			'auto',
			works,
			{ ...works, limited: false },
			['Docker engine ok', 'Sandbox image ok', 'bubblewrap warn']
		]
	] as const)('wish %s', (wish, docker, bubblewrap, expected) => {
		expect(rows(wish, docker, bubblewrap)).toEqual(expected);
	});

	it('gives advice with everything that is not well', () => {
		for (const check of checkDrivers({
			wish: 'auto',
			image: 'image:tag',
			docker: off('sandbox_image_missing'),
			bubblewrap: bwrapOff
		})) {
			expect(check.advice !== null).toBe(check.status !== 'ok');
		}
	});
});

describe('checkContainerPrograms', () => {
	const tools = (programs: Record<string, string>): BackportTools => ({
		run: async (program) => {
			const stdout = programs[program];
			return stdout === undefined ? null : { exitCode: 0, stdout, stderr: '' };
		},
		whereIs: async () => null,
		readGzipped: async () => null
	});
	const names = async (docker: DriverCheck, programs: Record<string, string>): Promise<string[]> =>
		(await checkContainerPrograms(docker, tools(programs))).map(({ name, found }) =>
			`${name} ${found}`.slice(0, 24)
		);

	it('finds old ones on PATH', async () => {
		expect(
			await names(engineOff, {
				docker: 'Server: Docker Desktop 4.43.0 (196933)\n',
				runc: 'runc version 1.1.11\n'
			})
		).toEqual(['Docker Desktop 4.43.0 ha', 'runc 1.1.11 has known ho']);
	});

	it('finds an old runc inside the engine', async () => {
		const json = '{"Server":{"Components":[{"Name":"runc","Version":"1.1.5","Details":{}}]}}';
		expect(await names(works, { docker: json, runc: 'runc version 1.4.0' })).toEqual([
			'runc of the engine 1.1.5'
		]);
		const text = ' runc:\n  Version:          1.1.5\n';
		expect(await names(works, { docker: text })).toEqual(['runc of the engine 1.1.5']);
	});

	it('finds an old engine, and says nothing of what is new or absent', async () => {
		expect(await names({ ...works, version: '20.10.24' }, {})).toEqual([
			'Docker engine 20.10.24 h'
		]);
		expect(await names(works, { runc: 'runc version 1.4.0' })).toEqual([]);
		expect(await names(engineOff, {})).toEqual([]);
	});
});
