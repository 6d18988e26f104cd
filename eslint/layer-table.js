/**
 * Who may import whom. `layers.js` reads it and makes everything else an error.
 *
 * The first layer with a matching path owns a file, so that a special file stands before its folder.
 * Tests may compose what they like and belong to no layer.
 */

/**
 * @typedef {object} Layer
 * @property {string} name
 * @property {RegExp} path Of a file, relative to the root, with forward slashes.
 * @property {string[]} mayImport Layers, besides itself.
 * @property {RegExp} [packages] Which npm packages and Node modules it may import; left out: any.
 */

/** What runs in a browser, or must be able to: no Node modules, no server packages. */
const BROWSER = /^(?!node:)(?!pg$|drizzle-orm|dockerode|pino|ws$|undici)/;

/** The parts that know one thing each and never each other; only composers bring them together. */
const PEERS = ['db', 'git', 'github', 'model', 'sandbox', 'door'];

const COMPOSERS = ['sessions', 'repos', 'health', 'backup'];

/** @type {Layer[]} */
export const LAYERS = [
	{ name: 'protocol', path: /^packages\/protocol\/src\//, mayImport: [], packages: /^zod$/ },
	// The one thing of the runner that the manager reads: what a dead sandbox left behind.
	{ name: 'outbox', path: /^packages\/runner\/src\/outbox-codec\.ts$/, mayImport: ['protocol'] },
	{ name: 'runner', path: /^packages\/runner\/src\//, mayImport: ['protocol', 'outbox'] },
	{ name: 'domain', path: /^src\/lib\/domain\//, mayImport: ['protocol'], packages: /^zod$/ },
	{ name: 'types', path: /^src\/lib\/types\//, mayImport: ['protocol', 'domain'], packages: /^$/ },

	{
		name: 'base',
		path: /^src\/lib\/server\/((config[\w-]*|logger|process-stat|project-root)\.ts|db\/database-url\.ts|programs\/.*)$/,
		mayImport: ['protocol', 'domain']
	},
	{
		name: 'access',
		path: /^src\/lib\/server\/access\//,
		mayImport: ['protocol', 'domain', 'base']
	},
	{ name: 'db', path: /^src\/lib\/server\/db\//, mayImport: ['protocol', 'domain', 'base'] },
	{ name: 'git', path: /^src\/lib\/server\/git\//, mayImport: ['protocol', 'domain', 'base'] },
	{
		name: 'github',
		path: /^src\/lib\/server\/github\//,
		mayImport: ['protocol', 'domain', 'base']
	},
	{ name: 'model', path: /^src\/lib\/server\/model\//, mayImport: ['protocol', 'domain', 'base'] },
	{
		name: 'door',
		path: /^src\/lib\/server\/runner\/door\//,
		mayImport: ['protocol', 'domain', 'base']
	},
	{
		name: 'sandbox',
		path: /^src\/lib\/server\/runner\//,
		mayImport: ['protocol', 'domain', 'base']
	},

	...COMPOSERS.map((name) => ({
		name,
		path: new RegExp(`^src/lib/server/${name}/`),
		mayImport: ['protocol', 'domain', 'base', 'outbox', ...PEERS]
	})),
	{
		name: 'orchestrator',
		path: /^src\/lib\/server\/orchestrator\//,
		mayImport: ['protocol', 'domain', 'base', 'sessions']
	},
	{
		name: 'websocket',
		path: /^src\/lib\/server\/websocket\//,
		mayImport: ['protocol', 'domain', 'base', 'access', ...COMPOSERS]
	},
	{
		name: 'app',
		path: /^src\/(lib\/server\/app[\w-]*\.ts|hooks\.server\.ts|instrumentation\.server\.ts|app\.d\.ts)$/,
		mayImport: [
			...['protocol', 'domain', 'base', 'access', 'api', 'orchestrator', 'websocket'],
			...PEERS,
			...COMPOSERS
		]
	},
	{
		name: 'api',
		path: /^src\/lib\/server\/api\//,
		mayImport: ['protocol', 'domain', 'base', 'access', 'app', ...COMPOSERS]
	},
	{
		name: 'endpoints',
		path: /^src\/(params\/|routes\/(.*\/)?\+(server|page\.server|layout\.server)\.ts$)/,
		mayImport: ['protocol', 'domain', 'base', 'access', 'api', ...COMPOSERS]
	},

	{
		name: 'state',
		path: /^src\/lib\/state\//,
		mayImport: ['protocol', 'domain', 'types'],
		packages: BROWSER
	},
	{ name: 'ui', path: /^src\/lib\/components\/ui\//, mayImport: [], packages: BROWSER },
	{
		name: 'views',
		path: /^src\/lib\/components\/views\//,
		mayImport: ['protocol', 'domain', 'types', 'state', 'ui', 'components'],
		packages: BROWSER
	},
	{
		name: 'components',
		path: /^src\/lib\/components\//,
		mayImport: ['protocol', 'domain', 'types', 'state', 'ui'],
		packages: BROWSER
	},
	{
		name: 'pages',
		path: /^src\/routes\//,
		mayImport: ['protocol', 'domain', 'types', 'state', 'ui', 'components', 'views'],
		packages: BROWSER
	},

	{ name: 'adapter', path: /^adapter\//, mayImport: ['base'] },

	// It holds the engine's socket: small enough to be read whole.
	{
		name: 'stack',
		path: /^stack\/(?!agent-image-main\.ts)/,
		mayImport: [],
		packages: /^(zod$|node:(?!child_process))/
	},
	{ name: 'stack entry', path: /^stack\//, mayImport: ['app', 'base'], packages: /^$/ }
];

/** Code that must belong to a layer. What is outside (scripts, tests, configuration) is free. */
export const LAYERED = /^(src|packages\/[\w-]+\/src|adapter|stack)\//;

/** Files the rule does not look at. */
export const UNLAYERED = /\.test\.ts$|(^|\/)tests?\/|\.d\.ts$/;

/**
 * Imports that break the table, each with the reason why it must. It starts empty and is meant to
 * stay so.
 * @type {{ from: string, to: string, why: string }[]}
 */
export const EXCEPTIONS = [];

/**
 * Modules with few importers, whatever the layer.
 * @type {{ module: RegExp, only: RegExp, why: string }[]}
 */
export const RESTRICTED = [
	{
		module: /^(node:)?child_process$/,
		only: /^(src\/lib\/server\/(programs\/|github\/credentials\.ts|runner\/sandbox\/|runner\/image|db\/embedded-postgres)|packages\/runner\/)/,
		why: 'programs are started in few places, with argument vectors and a clean environment'
	},
	{
		module: /^dockerode$/,
		only: /^src\/lib\/server\/runner\/sandbox\/docker[\w-]*\.ts$/,
		why: 'the Docker engine is reached through its driver'
	},
	{
		module: /^pg$/,
		only: /^src\/lib\/server\/db\/(client|manager-lease|lease-table|migrate|event-log|embedded-postgres-connect|backup-[\w-]+)\.ts$/,
		why: 'whoever writes goes through openDatabase, whose connections are fenced'
	},
	{
		module: /^(pg|drizzle-orm)(\/|$)/,
		only: /^src\/lib\/server\/db\//,
		why: 'tables and SQL stay in db/'
	}
];

/** Modules of ours with few importers. Paths relative to the root. */
export const RESTRICTED_FILES = [
	{
		file: /^src\/lib\/server\/db\/schema\.ts$/,
		only: /^src\/lib\/server\/db\//,
		why: 'tables stay in db/'
	}
];
