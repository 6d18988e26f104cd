/**
 * Takes the answers that the tests' fake of GitHub gives out of GitHub's published OpenAPI description
 * (`@octokit/openapi`, 400 MB unpacked: it is fetched for this and not kept), into `tests/fixtures`.
 *
 *   node scripts/github-description.mjs [VERSION]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const REPO = '/repos/{owner}/{repo}';
/** @type {[string, string, string][]} */
const ANSWERS = [
	['get', '/user', '200'],
	['get', '/user/repos', '200'],
	['get', `${REPO}/pulls`, '200'],
	['post', `${REPO}/pulls`, '201'],
	['post', `${REPO}/pulls`, '422'],
	['get', `${REPO}/pulls/{pull_number}/reviews`, '200'],
	['get', `${REPO}/pulls/{pull_number}/comments`, '200'],
	['get', `${REPO}/commits/{ref}/check-runs`, '200'],
	['get', `${REPO}/commits/{ref}/status`, '200'],
	['get', `${REPO}/check-runs/{check_run_id}`, '200'],
	['get', `${REPO}/check-runs/{check_run_id}/annotations`, '200']
];
const WORDS = new Set([
	'description',
	'example',
	'examples',
	'title',
	'discriminator',
	'externalDocs'
]);

const folder = mkdtempSync(join(tmpdir(), 'github-description-'));
try {
	const version = process.argv[2] ?? 'latest';
	/**
	 * @param {string} program
	 * @param {string[]} args
	 */
	const run = (program, ...args) =>
		execFileSync(program, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
	const archive = String(run('npm', 'pack', '--silent', `@octokit/openapi@${version}`)).trim();
	const file = 'package/generated/api.github.com.json';
	run('tar', '-xzf', archive, file, 'package/package.json');
	const described = JSON.parse(readFileSync(join(folder, file), 'utf8'));
	const { version: taken } = JSON.parse(readFileSync(join(folder, 'package/package.json'), 'utf8'));

	/**
	 * Without words for people; a property may have the name of one of them.
	 *
	 * @param {unknown} value
	 * @param {boolean} isNames
	 * @returns {unknown}
	 */
	const plain = (value, isNames = false) => {
		if (Array.isArray(value)) return value.map((one) => plain(one));
		if (value === null || typeof value !== 'object') return value;
		const kept = Object.entries(value).filter(([key]) => isNames || !WORDS.has(key));
		return Object.fromEntries(
			kept.map(([key, one]) => [key, plain(one, !isNames && key === 'properties')])
		);
	};
	/** @type {Record<string, unknown>} */
	const schemas = {};
	/** @param {unknown} schema */
	const follow = (schema) => {
		for (const [, name = ''] of JSON.stringify(schema).matchAll(
			/"#\/components\/schemas\/([^"]+)"/g
		)) {
			if (schemas[name]) continue;
			schemas[name] = plain(described.components.schemas[name]);
			follow(schemas[name]);
		}
	};
	/** @type {Record<string, unknown>} */
	const answers = {};
	for (const [method, path, status] of ANSWERS) {
		const given = described.paths[path][method].responses[status];
		const response = given.$ref
			? described.components.responses[given.$ref.split('/').at(-1)]
			: given;
		const schema = plain(response.content['application/json'].schema);
		answers[`${method} ${path} ${status}`] = schema;
		follow(schema);
	}
	const text = JSON.stringify({ version: taken, answers, components: { schemas } });
	writeFileSync(new URL('../tests/fixtures/github-api.json', import.meta.url), `${text}\n`);
} finally {
	rmSync(folder, { recursive: true, force: true });
}
