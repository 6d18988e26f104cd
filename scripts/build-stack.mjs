/** Bundles the programs beside the app in `compose.yaml` into `build/stack/`. Run by the Dockerfile, after the build. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

await build({
	absWorkingDir: root,
	entryPoints: ['engine-proxy', 'prepare', 'agent-image'].map((name) => `stack/${name}-main.ts`),
	outdir: 'build/stack',
	bundle: true,
	platform: 'node',
	format: 'esm',
	target: 'node20',
	logLevel: 'warning',
	external: Object.keys(dependencies).filter((name) => !name.startsWith('@agent-manager/'))
});
