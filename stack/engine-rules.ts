/**
 * Which calls of the engine's API are let through, and what is known of each. Pure: the proxy asks the engine
 * whose a container is, reads bodies, and sends on what was made here, never what it was sent.
 */
import { Refused, type SandboxRules } from './container-options.ts';

/** Who asks, by the socket that they came through: the app, or the one service that builds the sandboxes' image. */
export type Grant = 'sandboxes' | 'image';

export interface AllowedCall {
	/** What the call is about: the engine is asked first whether that is of this stack. */
	about: { container: string } | { exec: string } | null;
	/** `id` is the container's full id as the engine has it, so that no name can change hands meanwhile. */
	path(id: string): string;
	/** What goes along: nothing, options that are checked, or the files of an image. */
	body: 'none' | 'container' | 'exec' | 'files';
	/** The connection becomes the program's input and output. */
	hijack: boolean;
	/** Mounts are looked at again: now is when the engine resolves them. */
	starts: boolean;
	/** The name of a container that is made. */
	name: string | null;
}

type Query = Record<string, string>;
type Test = (value: string) => boolean;

interface Route {
	grants: readonly Grant[];
	method: 'GET' | 'POST' | 'DELETE';
	/** Whole. Its one group is a container, or an exec. */
	path: RegExp;
	about?: 'container' | 'exec';
	/** Parameters that are passed on when they are as they should be. All others are dropped. */
	query?: Record<string, Test>;
	required?: readonly string[];
	body?: AllowedCall['body'];
	hijack?: true;
	starts?: true;
}

const REF = '([a-zA-Z0-9][a-zA-Z0-9_.-]{0,127})';
const EXEC = '([0-9a-f]{64})';

const flag: Test = (value) => /^(true|false|1|0)$/.test(value);
const number: Test = (value) => /^\d{1,15}(\.\d{1,9})?$/.test(value);
const oneOf =
	(...values: string[]): Test =>
	(value) =>
		values.includes(value);

const parseJson = (text: string): unknown => {
	try {
		return JSON.parse(text);
	} catch {
		return null;
	}
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
	typeof value === 'object' && value !== null && !Array.isArray(value);

/** A JSON object with only these keys, each with a list of strings that pass. */
const filters =
	(allowed: Record<string, Test>): Test =>
	(text) => {
		const value = parseJson(text);
		if (!isRecord(value) || Object.keys(value).length === 0) return false;
		return Object.entries(value).every(
			([key, list]) =>
				Object.hasOwn(allowed, key) &&
				Array.isArray(list) &&
				list.length > 0 &&
				list.every((item) => typeof item === 'string' && allowed[key]?.(item) === true)
		);
	};

/** A JSON object of strings whose keys pass. */
const stringsUnder =
	(isKey: Test): Test =>
	(text) => {
		const value = parseJson(text);
		if (!isRecord(value)) return false;
		return Object.entries(value).every(([key, one]) => isKey(key) && typeof one === 'string');
	};

const ofOurs = filters({
	label: (item) => item.startsWith('agent-manager.instance='),
	name: (item) => item.startsWith('agent-session-')
});

const BOTH: readonly Grant[] = ['sandboxes', 'image'];
const APP: readonly Grant[] = ['sandboxes'];
const BUILDER: readonly Grant[] = ['image'];

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

const routes = ({ image }: SandboxRules): Route[] => [
	{ grants: BOTH, method: 'GET', path: /^\/(?:_ping|version|info)$/ },
	{ grants: BOTH, method: 'GET', path: new RegExp(`^/images/${escaped(image)}/json$`) },
	{ grants: BUILDER, method: 'GET', path: /^\/networks\/bridge$/ },
	{
		grants: BUILDER,
		method: 'POST',
		path: /^\/build$/,
		query: {
			t: oneOf(image),
			buildargs: stringsUnder(oneOf('SDK_VERSION')),
			// Not the stack's own: a container has its image's labels, too.
			labels: stringsUnder(oneOf('agent-manager.image', 'agent-manager.sources')),
			// Of an engine that has no bridge.
			networkmode: oneOf('host')
		},
		required: ['t'],
		body: 'files'
	},
	{
		grants: APP,
		method: 'GET',
		path: /^\/containers\/json$/,
		query: { all: flag, filters: ofOurs },
		required: ['filters']
	},
	{
		grants: APP,
		method: 'GET',
		path: /^\/events$/,
		query: {
			since: number,
			until: number,
			filters: filters({ type: oneOf('container'), container: (id) => /^[0-9a-f]{64}$/.test(id) })
		},
		required: ['filters', 'until']
	},
	{ grants: APP, method: 'POST', path: /^\/containers\/create$/, body: 'container' },
	{ grants: APP, method: 'GET', path: new RegExp(`^/containers/${REF}/json$`), about: 'container' },
	{
		grants: APP,
		method: 'GET',
		path: new RegExp(`^/containers/${REF}/logs$`),
		about: 'container',
		query: { stdout: flag, stderr: flag, tail: number, follow: oneOf('false', '0') }
	},
	{
		grants: APP,
		method: 'POST',
		path: new RegExp(`^/containers/${REF}/start$`),
		about: 'container',
		starts: true
	},
	{
		grants: APP,
		method: 'POST',
		path: new RegExp(`^/containers/${REF}/(?:kill|unpause|wait)$`),
		about: 'container',
		query: {
			signal: oneOf('SIGKILL', 'SIGTERM'),
			condition: oneOf('not-running', 'next-exit')
		}
	},
	{
		grants: APP,
		method: 'POST',
		path: new RegExp(`^/containers/${REF}/attach$`),
		about: 'container',
		query: { stream: flag, stdin: flag, stdout: flag, stderr: flag },
		hijack: true
	},
	{
		grants: APP,
		method: 'POST',
		path: new RegExp(`^/containers/${REF}/exec$`),
		about: 'container',
		body: 'exec'
	},
	{
		grants: APP,
		method: 'DELETE',
		path: new RegExp(`^/containers/${REF}$`),
		about: 'container',
		query: { force: flag, v: flag }
	},
	{
		grants: APP,
		method: 'POST',
		path: new RegExp(`^/exec/${EXEC}/start$`),
		about: 'exec',
		hijack: true
	},
	{ grants: APP, method: 'GET', path: new RegExp(`^/exec/${EXEC}/json$`), about: 'exec' }
];

/** The parameters that go on. Throws `Refused`. */
const keptQuery = ({ query = {}, required = [] }: Route, given: URLSearchParams): Query => {
	const kept: Query = {};
	for (const [name, isRight] of Object.entries(query)) {
		const values = given.getAll(name);
		const [value] = values;
		if (value === undefined && !required.includes(name)) continue;
		if (value === undefined || values.length > 1 || !isRight(value)) {
			throw new Refused(`the parameter “${name}”`);
		}
		kept[name] = value;
	}
	return kept;
};

/** Events are of one container, which has to be of this stack like any other. */
const subjectOf = (route: Route, path: string, query: Query): AllowedCall['about'] => {
	const named = route.path.exec(path)?.[1];
	if (route.about === 'exec') return { exec: named ?? '' };
	if (route.about === 'container') return { container: named ?? '' };
	if (path !== '/events') return null;
	const { container } = parseJson(query.filters ?? '') as { container?: string[] };
	if (container?.length !== 1) throw new Refused('events of no one container');
	return { container: container[0] ?? '' };
};

/** What `method target` stands for. Throws `Refused` for all that the app does not need. */
export const allowedCall = (
	method: string,
	target: string,
	grant: Grant,
	rules: SandboxRules
): AllowedCall => {
	const [path = '', search = ''] = target.split('?', 2);
	const route = routes(rules).find(
		(one) => one.method === method && one.grants.includes(grant) && one.path.test(path)
	);
	if (!route) throw new Refused('the app has no need of it');
	const given = new URLSearchParams(search);
	const query = keptQuery(route, given);
	const { body = 'none', hijack = false, starts = false } = route;
	const kept = new URLSearchParams(query);
	const name = body === 'container' ? given.get('name') : null;
	if (name !== null) kept.set('name', name);
	const asked = kept.size > 0 ? `?${kept}` : '';
	return {
		...{ body, hijack, starts, name },
		about: subjectOf(route, path, query),
		path: (id) =>
			(route.about === 'container'
				? path.replace(/^\/containers\/[^/]+/, `/containers/${id}`)
				: path) + asked
	};
};
