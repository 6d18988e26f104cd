import { cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { tempFolder, type TempFolder } from '../../../../tests/support/git-fixture.ts';
import { watchWorkspace, WorkspaceGone, type WorkspacePresence } from './workspace-presence.ts';

let folder: TempFolder;
let root: string;
let presence: WorkspacePresence;

beforeEach(async () => {
	folder = tempFolder('presence');
	root = join(folder.path, 'workspace');
	mkdirSync(root);
	writeFileSync(join(root, 'instance'), 'ours\n');
	presence = await watchWorkspace(root, 'ours');
});
afterEach(() => folder.remove());

it('is there while its folder is, whatever is taken out of it', async () => {
	expect(await presence.problem()).toBeNull();
	rmSync(join(root, 'instance'));
	expect(await presence.problem()).toBeNull();
});

it('is gone while its folder is away, and there again with it', async () => {
	renameSync(root, `${root}-away`);
	expect(await presence.problem()).toMatchObject({ code: 'workspace_gone' });
	await expect(presence.confirm()).rejects.toThrow(WorkspaceGone);
	renameSync(`${root}-away`, root);
	expect(await presence.problem()).toBeNull();
	await presence.confirm();
});

it('is no other folder of its name, unless that is a copy of it', async () => {
	renameSync(root, `${root}-away`);
	mkdirSync(root);
	expect((await presence.problem())?.message).toContain('Another folder');
	rmSync(root, { recursive: true });
	cpSync(`${root}-away`, root, { recursive: true });
	rmSync(`${root}-away`, { recursive: true });
	expect(await presence.problem()).toBeNull();
	rmSync(join(root, 'instance'));
	expect(await presence.problem()).toBeNull();
});
