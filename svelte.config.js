import { vitePreprocess } from '@sveltejs/vite-plugin-svelte';
import adapter from './adapter/index.js';

/** @type {import('@sveltejs/kit').Config} */
const config = {
	preprocess: vitePreprocess(),
	compilerOptions: {
		runes: ({ filename }) => (filename.includes('node_modules') ? undefined : true)
	},
	kit: {
		adapter: adapter({ out: 'build' }),
		// A transcript shows text that an agent wrote. Nothing in it may load, run, frame or post
		// anything: no remote images (they leak by being fetched), no scripts but our own.
		// Styles may be inline because the code highlighter and the diff view write style attributes.
		csp: {
			mode: 'nonce',
			directives: {
				'default-src': ['none'],
				'script-src': ['self'],
				'style-src': ['self', 'unsafe-inline'],
				'img-src': ['self', 'data:'],
				'font-src': ['self'],
				'connect-src': ['self'],
				'manifest-src': ['self'],
				'worker-src': ['self'],
				'form-action': ['self'],
				'frame-ancestors': ['none'],
				'base-uri': ['none'],
				'object-src': ['none']
			}
		},
		typescript: {
			config: (tsconfig) => {
				tsconfig.include.push(
					'../adapter/**/*.js',
					'../adapter/**/*.ts',
					'../packages/*/src/**/*.ts',
					'../bench/**/*.ts',
					'../scripts/**/*.mjs',
					'../stack/**/*.ts',
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
