import { expect, it } from 'vitest';
import type { ChangedFile, Changes, FileDiff } from '@agent-manager/protocol/changes.ts';
import { ok } from '#lib/domain/result.ts';
import { ChangesController } from './changes-controller.svelte.ts';

const changed = (path: string, status: ChangedFile['status'] = 'modified'): ChangedFile => ({
	...{ path, oldPath: null, status, added: 1, removed: 0, kind: 'file' }
});

/** The API over a list that may be changed; remembers which diffs were asked for. */
const opened = (files: ChangedFile[], opensFirst: boolean) => {
	const now = { files };
	const asked: (string | null)[] = [];
	const answer = (path: string): Changes | FileDiff => {
		const { pathname, searchParams } = new URL(path, 'http://manager');
		if (pathname.endsWith('/file')) {
			asked.push(searchParams.get('path'));
			return { hunks: `@@ of ${searchParams.get('path')}`, omitted: null };
		}
		const { length } = now.files;
		return {
			...{ scope: 'base', from: 'a', to: 'b', files: now.files, fileCount: length },
			...{ added: length, removed: 0, fetchCommand: null }
		};
	};
	const controller = new ChangesController(
		'one',
		() => opensFirst,
		async <T>(path: string) => ok(answer(path) as T)
	);
	controller.refresh();
	return { controller, asked, now };
};

it('opens the first file unasked where there is room for it, and one in conflict before it', async () => {
	const { controller } = opened([changed('a'), changed('b')], true);
	await expect.poll(() => controller.diff?.hunks).toBe('@@ of a');
	const conflict = opened([changed('a'), changed('b', 'conflicted')], true).controller;
	await expect.poll(() => conflict.diff?.hunks).toBe('@@ of b');
});

it('opens none where the list has all the room, until a person does', async () => {
	const { controller, asked } = opened([changed('a')], false);
	await expect.poll(() => controller.changes?.fileCount).toBe(1);
	controller.open(changed('a'));
	await expect.poll(() => controller.diff?.hunks).toBe('@@ of a');
	expect(asked).toEqual(['a']);
});

it('asks for the open file no second time when it is chosen again, and follows the list', async () => {
	const { controller, asked, now } = opened([changed('a'), changed('b')], true);
	await expect.poll(() => controller.diff?.hunks).toBe('@@ of a');
	controller.open(changed('a'));
	expect(controller.diff?.hunks).toBe('@@ of a');
	expect(asked).toEqual(['a']);
	now.files = [changed('b')];
	controller.refresh();
	await expect.poll(() => controller.diff?.hunks).toBe('@@ of b');
});
