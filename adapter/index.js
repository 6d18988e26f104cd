/**
 * A thin wrapper around adapter-node that replaces its entry with ours (`entry.ts`): adapter-node's
 * own binds every interface, assumes https, has no upgrade handler for `/ws`, and hangs on shutdown
 * while a WebSocket is open. Its request handler is used unchanged.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import adapterNode from '@sveltejs/adapter-node';
import { build } from 'esbuild';

/**
 * @param {{ out: string }} options `out`: folder of the built app, relative to the root.
 * @returns {import('@sveltejs/kit').Adapter}
 */
export default function adapter({ out }) {
	// Served over loopback, where compressing ahead costs build time and saves nothing.
	const node = adapterNode({ out, precompress: false });
	return {
		...node,
		name: 'agent-manager-node',
		async adapt(builder) {
			await node.adapt(builder);
			const packageJson = JSON.parse(readFileSync('package.json', 'utf8'));
			await build({
				entryPoints: [fileURLToPath(new URL('./entry.ts', import.meta.url))],
				outfile: `${out}/index.js`,
				bundle: true,
				platform: 'node',
				format: 'esm',
				target: 'node20',
				sourcemap: true,
				logLevel: 'warning',
				external: [
					'./handler.js',
					...Object.keys(packageJson.dependencies).filter(
						(name) => !name.startsWith('@agent-manager/')
					)
				]
			});
			if (!existsSync(`${out}/handler.js`)) {
				throw new Error(
					`adapter-node no longer writes ${out}/handler.js: adapter/entry.ts needs it`
				);
			}
		}
	};
}
