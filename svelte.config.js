import adapter from '@sveltejs/adapter-node';
import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';

/** @type {import('@sveltejs/kit').Config} */
const config = {
	preprocess: vitePreprocess(),
	compilerOptions: { runes: ({ filename }) => (filename.includes('node_modules') ? undefined : true) },
	kit: {
		adapter: adapter({ out: 'build', precompress: true }),
		typescript: {
			config: (tsconfig) => {
				tsconfig.include.push(
					'../packages/*/src/**/*.ts',
					'../bench/**/*.ts',
					'../scripts/**/*.mjs',
					'../tests/**/*.ts',
					'../*.config.ts',
					'../*.config.js',
					'../eslint/**/*.js'
				);
				return tsconfig;
			}
		}
	}
};

export default config;
