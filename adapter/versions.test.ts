import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { currentVersionFolder, publishVersion, versionFolder } from './versions.js';

const ASSETS = 'client/_app/immutable';

let out = '';
beforeEach(() => {
	out = mkdtempSync(join(tmpdir(), 'versions-'));
});
afterEach(() => rmSync(out, { recursive: true, force: true }));

const buildVersion = (version: string, assets: readonly string[]): void => {
	for (const name of ['index.js', ...assets.map((asset) => join(ASSETS, asset))]) {
		const path = join(versionFolder(out, version), name);
		mkdirSync(dirname(path), { recursive: true });
		writeFileSync(path, `${version} ${name}`);
	}
	publishVersion(out, version);
};

const serves = (version: string, asset: string): boolean =>
	existsSync(join(versionFolder(out, version), ASSETS, asset));

describe('versions of the build', () => {
	it('starts the newest, and leaves the one that may run as it is', () => {
		buildVersion('1', ['a.js']);
		expect(currentVersionFolder(out)).toBe(versionFolder(out, '1'));
		buildVersion('2', ['b.js']);
		expect(currentVersionFolder(out)).toBe(versionFolder(out, '2'));
		expect([serves('1', 'a.js'), serves('1', 'b.js')]).toEqual([true, false]);
	});

	it('serves what pages of the version before ask for, and of none before that', () => {
		buildVersion('1', ['a.js', 'chunks/all.js']);
		buildVersion('2', ['b.js', 'chunks/all.js']);
		buildVersion('3', ['c.js']);
		expect(['a.js', 'b.js', 'chunks/all.js'].map((name) => serves('2', name))).toEqual([
			true,
			true,
			true
		]);
		expect(['a.js', 'b.js', 'c.js'].map((name) => serves('3', name))).toEqual([false, true, true]);
	});

	it('keeps three', () => {
		for (const version of ['1', '2', '3', '4', '5']) buildVersion(version, ['a.js']);
		expect(readdirSync(join(out, 'versions'))).toEqual(['3', '4', '5']);
	});

	it('passes over a build that broke off', () => {
		buildVersion('1', ['a.js']);
		mkdirSync(join(versionFolder(out, '2'), ASSETS), { recursive: true });
		buildVersion('3', ['c.js']);
		expect(currentVersionFolder(out)).toBe(versionFolder(out, '3'));
		expect(serves('3', 'a.js')).toBe(true);
	});
});
