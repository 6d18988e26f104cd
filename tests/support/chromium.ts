/** Where the browser for the tests is: named by the environment, or Debian's, or Playwright's own. */
import { existsSync } from 'node:fs';

const KNOWN_PATHS = [
	'/usr/bin/chromium',
	'/usr/bin/chromium-browser',
	'/usr/bin/google-chrome',
	'/Applications/Google Chrome.app/Contents/MacOS/Google Chrome'
];

/** Path of a Chromium, or undefined to let Playwright look for the one it downloaded. */
export function chromiumPath(): string | undefined {
	const named = process.env.CHROMIUM_PATH;
	if (named) return named;
	return KNOWN_PATHS.find((path) => existsSync(path));
}
