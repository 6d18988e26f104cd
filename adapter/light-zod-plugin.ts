/**
 * The pages get `src/lib/state/light-zod.ts` where their code says zod, which weighs more than the page's own
 * code. The server, which is who takes in what comes from outside, has zod itself.
 */
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const LIGHT_ZOD = fileURLToPath(new URL('../src/lib/state/light-zod.ts', import.meta.url));

export const lightZod = (): Plugin => ({
	name: 'light-zod',
	enforce: 'pre',
	applyToEnvironment: (environment) => environment.config.consumer === 'client',
	resolveId: (source) => (source === 'zod' ? LIGHT_ZOD : null)
});
