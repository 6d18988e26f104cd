/**
 * Two projects: `unit` runs in Node (also what needs git, PostgreSQL or a sandbox), `browser` runs
 * components in a real Chromium.
 */
import { availableParallelism } from 'node:os';
import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import { playwright } from '@vitest/browser-playwright';
import type { BrowserCommand } from 'vitest/node';
import { defineConfig } from 'vitest/config';
import { lightZod } from './adapter/light-zod-plugin.ts';
import { chromiumPath } from './tests/support/chromium.ts';

const executablePath = chromiumPath();

/** A view that is larger than the window is drawn smaller, and so would be its pictures. */
const resizeWindow: BrowserCommand<[width: number, height: number]> = ({ page }, width, height) =>
	page.setViewportSize({ width, height });

export default defineConfig({
	test: {
		// Most of what takes long here waits for processes and engines, not for a processor.
		maxWorkers: Math.max(2, availableParallelism() - 1),
		projects: [
			{
				test: {
					name: 'unit',
					environment: 'node',
					include: [
						'src/**/*.test.ts',
						'packages/*/src/**/*.test.ts',
						'adapter/**/*.test.ts',
						'eslint/**/*.test.{ts,js}',
						'scripts/**/*.test.{ts,mjs}',
						'stack/**/*.test.ts',
						'tests/contract/**/*.test.ts',
						'tests/fault/**/*.test.ts'
					],
					exclude: ['**/*.svelte.test.ts', '**/node_modules/**'],
					// What a file imports is loaded once for all: two thirds of the processor time of most of them was that.
					isolate: false,
					// Only a machine with no time for it takes as long.
					expect: { poll: { timeout: 15_000 } },
					globalSetup: ['tests/support/global-setup.ts', 'tests/support/postgres-global.ts'],
					testTimeout: 60_000,
					hookTimeout: 120_000
				}
			},
			{
				plugins: [lightZod(), tailwindcss(), sveltekit()],
				// Also what is imported when it is needed: found only then, it would load a test's page anew.
				optimizeDeps: { entries: ['src/lib/components/**/*.svelte', 'src/**/*.svelte.test.ts'] },
				test: {
					name: 'browser',
					include: ['src/**/*.svelte.test.ts'],
					setupFiles: ['tests/support/browser-setup.ts'],
					testTimeout: 60_000,
					// What is loaded when it is needed comes from a server that works for other tests, too.
					expect: { poll: { timeout: 15_000 } },
					browser: {
						enabled: true,
						headless: true,
						screenshotFailures: false,
						commands: { resizeWindow },
						expect: {
							toMatchScreenshot: {
								resolveScreenshotPath: ({ root, arg, ext }) =>
									`${root}/tests/fixtures/gallery/${arg}${ext}`
							}
						},
						provider: playwright({ launchOptions: executablePath ? { executablePath } : {} }),
						instances: [{ browser: 'chromium' }]
					}
				}
			}
		]
	}
});
