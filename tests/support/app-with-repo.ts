/** The built app with one small repo and one kind of sandbox, for all tests of a file or a suite. */
import { test } from '@playwright/test';
import { TestApp } from './app.ts';
import { engineFor, type Driver } from './driver-engine.ts';
import { tempFolder } from './git-fixture.ts';
import { makeRepo } from './lifecycle.ts';

/** Both are there before the first test of the file or suite that calls it, and gone after the last. */
export const useAppWithRepo = (
	onReady: (it: { app: TestApp; repoId: string }) => void,
	driver: Driver = 'bubblewrap'
): void => {
	const repo = tempFolder('repo');
	let app: TestApp | undefined;
	let stopEngine = async (): Promise<void> => undefined;
	test.beforeAll(async () => {
		const engine = await engineFor(driver);
		if ('skipped' in engine) return test.skip(true, engine.skipped);
		stopEngine = engine.stop;
		makeRepo(repo.path);
		// So little that a test that fills it does so soon.
		const env = { SANDBOX_DRIVER: driver, SANDBOX_MEMORY_MB: '1024', ...engine.env };
		app = await new TestApp(env).start();
		onReady({ app, repoId: (await app.addRepo(repo.path)).id });
	});
	test.afterAll(async () => {
		await app?.remove();
		repo.remove();
		await stopEngine();
	});
};
