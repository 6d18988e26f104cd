import { join } from 'node:path';
import { defineConfig, devices } from '@playwright/test';
import { chromiumPath } from './tests/support/chromium.ts';

const executablePath = chromiumPath();

/** The tests start the built app themselves: each has a workspace, a home and a port of its own. */
export default defineConfig({
	testDir: 'tests/e2e',
	testMatch: '**/*.e2e.ts',
	globalSetup: join(import.meta.dirname, 'tests/support/e2e-global.ts'),
	outputDir: 'test-results/e2e',
	fullyParallel: false,
	workers: 1,
	timeout: 180_000,
	expect: { timeout: 45_000 },
	forbidOnly: Boolean(process.env.CI),
	reporter: [['list']],
	use: {
		...devices['Desktop Chrome'],
		launchOptions: executablePath ? { executablePath } : {},
		// Not of the first try: its pictures of every frame cost a quarter of all processor time.
		trace: 'on-first-retry'
	},
	projects: [{ name: 'chromium' }]
});
