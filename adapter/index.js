/**
 * A thin wrapper around adapter-node that replaces its entry with ours (`entry.ts`): adapter-node's
 * own binds every interface, assumes https, has no upgrade handler for `/ws`, and hangs on shutdown
 * while a WebSocket is open. Its request handler is used unchanged.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import adapterNode from '@sveltejs/adapter-node';
import { build } from 'esbuild';
import { publishVersion, versionFolder } from './versions.js';

/**
 * @param {{ out: string }} options `out`: folder of the built app, relative to the root; each build is a
 *   version in it.
 * @returns {import('@sveltejs/kit').Adapter}
 */
export default function adapter({ out }) {
	return {
		...adapterNode(),
		name: 'agent-manager-node',
		async adapt(builder) {
			const version = builder.config.kit.version.name;
			const folder = versionFolder(out, version);
			// Served over loopback, where compressing ahead costs build time and saves nothing.
			await adapterNode({ out: folder, precompress: false }).adapt(builder);
			const packageJson = JSON.parse(readFileSync('package.json', 'utf8'));
			await build({
				entryPoints: [fileURLToPath(new URL('./entry.ts', import.meta.url))],
				outfile: `${folder}/index.js`,
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
			if (!existsSync(`${folder}/handler.js`)) {
				throw new Error('adapter-node no longer writes handler.js: adapter/entry.ts needs it');
			}
			publishVersion(out, version);
		}
	};
}
