/** How a program for the sandbox becomes one file that any Node from 20 runs. */
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * @param {string} entry Relative to the project's root.
 * @returns {Promise<string>}
 */
export const bundleForSandbox = async (entry) => {
	const { build } = await import('esbuild');
	const result = await build({
		absWorkingDir: root,
		entryPoints: [entry],
		bundle: true,
		platform: 'node',
		target: 'node20',
		format: 'esm',
		minify: true,
		legalComments: 'eof',
		// zod says that it has no side effects; taken at its word, esbuild leaves out the start of its modules.
		ignoreAnnotations: true,
		// Packages in the bundle are CommonJS in part and ask for Node's modules with `require`.
		banner: {
			js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);"
		},
		// Native speed-ups of ws that are not installed: it does without.
		external: ['bufferutil', 'utf-8-validate'],
		logLevel: 'warning',
		write: false
	});
	const [output] = result.outputFiles;
	if (!output) throw new Error('esbuild gave no file');
	return output.text;
};
