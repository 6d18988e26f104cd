import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tempFolder, type TempFolder } from '../../../../tests/support/git-fixture.ts';
import { createGithubCredentials } from './credentials.ts';

let folder: TempFolder;

beforeEach(() => {
	folder = tempFolder('gh');
});

afterEach(() => folder.remove());

/** A program in the place of `gh`; it notes how it was called. */
const fakeGh = (script: string): string => {
	const program = join(folder.path, 'gh');
	writeFileSync(program, `#!/bin/sh\necho "$@" >> ${folder.path}/calls\n${script}\n`, {
		mode: 0o755
	});
	return program;
};

const env = { PATH: process.env.PATH };

describe('the GitHub login', () => {
	it('is taken from the environment first', async () => {
		const find = (more: NodeJS.ProcessEnv) =>
			createGithubCredentials({ env: { ...env, ...more }, ghProgram: fakeGh('exit 1') }).find();
		expect(await find({ GITHUB_TOKEN: 'token-two' })).toEqual({
			token: 'token-two',
			source: 'GITHUB_TOKEN'
		});
		expect(await find({ GH_TOKEN: 'token-one', GITHUB_TOKEN: 'token-two' })).toEqual({
			token: 'token-one',
			source: 'GH_TOKEN'
		});
	});

	it('is asked of gh otherwise, and kept for a while', async () => {
		let now = 0;
		const ghProgram = fakeGh('echo gho_fromgh');
		const credentials = createGithubCredentials({ env, ghProgram, now: () => now });
		expect(await credentials.find()).toEqual({ token: 'gho_fromgh', source: 'gh' });
		await credentials.find();
		const calls = () => readFileSync(join(folder.path, 'calls'), 'utf8').trim().split('\n');
		expect(calls()).toEqual(['auth token --hostname github.com']);
		now = 61_000;
		await credentials.find();
		credentials.forget();
		await credentials.find();
		expect(calls()).toHaveLength(3);
	});

	it.each(['exit 1', 'echo', 'echo "two words"', 'printf "a\\nb"', 'echo short'])(
		'is nobody’s when gh says %j',
		async (script) => {
			const credentials = createGithubCredentials({ env, ghProgram: fakeGh(script) });
			expect(await credentials.find()).toBeNull();
		}
	);

	it('is nobody’s when there is no gh', async () => {
		const credentials = createGithubCredentials({ env, ghProgram: join(folder.path, 'none') });
		expect(await credentials.find()).toBeNull();
	});

	it('can’t put a second header in', async () => {
		const GH_TOKEN = 'token\r\nX-Evil: 1';
		const credentials = createGithubCredentials({
			env: { ...env, GH_TOKEN },
			ghProgram: fakeGh('exit 1')
		});
		expect(await credentials.find()).toBeNull();
	});
});
