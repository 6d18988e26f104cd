import { sveltekit } from '@sveltejs/kit/vite';
import tailwindcss from '@tailwindcss/vite';
import { defineConfig } from 'vite';
import { devWebSocket } from './adapter/dev-plugin.ts';
import { lightZod } from './adapter/light-zod-plugin.ts';

export default defineConfig({
	plugins: [lightZod(), tailwindcss(), sveltekit(), devWebSocket()],
	server: {
		...{ host: '127.0.0.1', port: 5173, strictPort: true },
		// The page that shows every card reads a recorded session of the tests.
		fs: { allow: ['tests/fixtures'] }
	},
	build: { target: 'es2022', rolldownOptions: { checks: { pluginTimings: false } } }
});
