import { fileURLToPath } from 'node:url';
import js from '@eslint/js';
import svelte from 'eslint-plugin-svelte';
import globals from 'globals';
import ts from 'typescript-eslint';
import layers from './eslint/layers.js';

/** Where a forgotten promise loses data. Rules that need types cost most of the time, so only here. */
const SERVER_CODE = ['src/lib/server/**/*.ts', 'packages/*/src/**/*.ts', 'adapter/**/*.ts'];

/** Programs that a person runs in a terminal. */
const MAY_PRINT = ['scripts/**', 'bench/**', 'tests/**'];

export default ts.config(
	{
		ignores: [
			'build/',
			'.svelte-kit/',
			'coverage/',
			'test-results/',
			'playwright-report/',
			'docker/agent-ws-client.js',
			'tests/fixtures/'
		]
	},
	js.configs.recommended,
	ts.configs.recommended,
	svelte.configs.recommended,
	{
		languageOptions: { globals: { ...globals.node, ...globals.browser } },
		plugins: { layers },
		rules: {
			'layers/imports': 'error',
			'no-console': 'error',
			'no-undef': 'off',
			// Text from sandboxes is cleaned of control characters in several places.
			'no-control-regex': 'off',
			eqeqeq: 'error',
			'no-restricted-syntax': [
				'error',
				{
					selector: 'TSEnumDeclaration',
					message: 'Use a union of literals: enums are not erasable.'
				},
				{
					selector: 'CallExpression[callee.property.name=/^(execSync|spawnSync)$/]',
					message: 'Blocks the whole process: use the asynchronous form.'
				}
			],
			'@typescript-eslint/no-explicit-any': 'error',
			'@typescript-eslint/consistent-type-imports': [
				'error',
				{ fixStyle: 'inline-type-imports', disallowTypeAnnotations: false }
			],
			'@typescript-eslint/no-unused-vars': [
				'error',
				{ argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true }
			],
			'max-lines': ['error', { max: 500, skipBlankLines: true, skipComments: true }],
			'max-lines-per-function': [
				'error',
				{ max: 100, skipBlankLines: true, skipComments: true, IIFEs: true }
			]
		}
	},
	{
		files: SERVER_CODE,
		languageOptions: {
			parserOptions: {
				projectService: true,
				tsconfigRootDir: fileURLToPath(new URL('.', import.meta.url))
			}
		},
		rules: {
			'@typescript-eslint/no-floating-promises': 'error',
			'@typescript-eslint/no-misused-promises': [
				'error',
				{ checksVoidReturn: { arguments: false, attributes: false } }
			],
			'@typescript-eslint/await-thenable': 'error',
			'@typescript-eslint/switch-exhaustiveness-check': [
				'error',
				{ considerDefaultExhaustiveForUnions: true }
			]
		}
	},
	{
		files: ['**/*.svelte', '**/*.svelte.ts', '**/*.svelte.test.ts'],
		languageOptions: {
			parserOptions: {
				parser: ts.parser,
				extraFileExtensions: ['.svelte'],
				svelteConfig: { compilerOptions: { runes: true } }
			}
		},
		rules: {
			// An agent's text is on every page: nothing of it becomes markup by itself.
			'svelte/no-at-html-tags': 'error',
			'svelte/no-navigation-without-resolve': 'off',
			'prefer-const': 'off',
			// A Map or Date that only logic uses needs no reactivity; svelte-check sees unused ignores.
			'svelte/prefer-svelte-reactivity': 'off',
			'svelte/no-unused-svelte-ignore': 'off'
		}
	},
	{ files: MAY_PRINT, rules: { 'no-console': 'off' } },
	{
		files: ['**/*.test.ts', '**/*.test.js', 'tests/**', 'bench/**'],
		rules: {
			'max-lines': 'off',
			'max-lines-per-function': 'off',
			'no-restricted-syntax': 'off'
		}
	}
);
