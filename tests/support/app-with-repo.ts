/** The built app with one small repo and bubblewrap, for all tests of a file. */
import { test } from '@playwright/test';
import { TestApp } from './app.ts';
import { tempFolder } from './git-fixture.ts';
import { makeRepo } from './lifecycle.ts';

/** Both are there before the first test of the file that calls it, and gone after the last. */
export const useAppWithRepo = (onReady: (it: { app: TestApp; repoId: string }) => void): void => {
	const repo = tempFolder('repo');
	let app: TestApp;
	test.beforeAll(async () => {
		makeRepo(repo.path);
		app = await new TestApp({ SANDBOX_DRIVER: 'bubblewrap' }).start();
		onReady({ app, repoId: (await app.addRepo(repo.path)).id });
	});
	test.afterAll(async () => {
		await app.remove();
		repo.remove();
	});
};
