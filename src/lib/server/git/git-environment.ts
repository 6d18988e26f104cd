/**
 * The environment that git runs in. Nothing of the manager's own environment passes but what is
 * listed here: `GIT_*` variables, a hook's leftovers or a pager would change what git does.
 *
 * Local work (`userConfig` off) sees no configuration but the mirror's, which we wrote, and ours.
 * Work with a remote may use the person's own: their proxies, certificates, credential helpers and
 * ssh agent are how they reach their servers. Ours is given by environment, above every file's.
 */
export type GitProtocol = 'file' | 'https' | 'http' | 'ssh';

export type GitConfig = readonly (readonly [key: string, value: string])[];

const PASSED = ['PATH', 'HOME', 'USER', 'LOGNAME', 'TMPDIR'];

const PASSED_TO_REMOTES = [
	'XDG_CONFIG_HOME',
	'XDG_RUNTIME_DIR',
	'DBUS_SESSION_BUS_ADDRESS',
	'SSH_AUTH_SOCK',
	'GIT_CONFIG_GLOBAL',
	'GIT_CONFIG_SYSTEM',
	'GIT_CONFIG_NOSYSTEM',
	'GIT_SSL_CAINFO',
	'GIT_SSL_CAPATH',
	'SSL_CERT_FILE',
	'SSL_CERT_DIR',
	'CURL_CA_BUNDLE',
	'http_proxy',
	'https_proxy',
	'HTTPS_PROXY',
	'all_proxy',
	'ALL_PROXY',
	'no_proxy',
	'NO_PROXY'
];

const ALWAYS: Record<string, string> = {
	LC_ALL: 'C',
	LANGUAGE: '',
	GIT_TERMINAL_PROMPT: '0',
	// set but empty: git then asks no program, neither its own nor ssh's
	GIT_ASKPASS: '',
	SSH_ASKPASS: '',
	SSH_ASKPASS_REQUIRE: 'never',
	GCM_INTERACTIVE: 'never',
	GIT_PAGER: 'cat',
	GIT_EDITOR: ':',
	GIT_ATTR_NOSYSTEM: '1',
	GIT_NO_REPLACE_OBJECTS: '1',
	GIT_NO_LAZY_FETCH: '1',
	GIT_OPTIONAL_LOCKS: '0',
	GIT_LFS_SKIP_SMUDGE: '1',
	GIT_PROGRESS_DELAY: '0'
};

const WITHOUT_USER_CONFIG: Record<string, string> = {
	GIT_CONFIG_GLOBAL: '/dev/null',
	GIT_CONFIG_SYSTEM: '/dev/null',
	GIT_CONFIG_NOSYSTEM: '1'
};

/** Holds against every file, the person's included. */
const ALWAYS_CONFIG: GitConfig = [
	['core.hooksPath', '/dev/null'],
	['core.fsmonitor', 'false'],
	['core.attributesFile', '/dev/null'],
	['core.askPass', ''],
	['credential.interactive', 'false'],
	['gc.auto', '0'],
	['maintenance.auto', 'false'],
	['submodule.recurse', 'false'],
	['fetch.recurseSubmodules', 'false'],
	['http.followRedirects', 'false'],
	['http.lowSpeedLimit', '1'],
	['http.lowSpeedTime', '60'],
	['safe.bareRepository', 'explicit']
];

export interface GitEnvironmentOptions {
	/** The manager's own environment, which the listed names are taken from. */
	from: NodeJS.ProcessEnv;
	userConfig: boolean;
	/** Transports git may use; none when empty. */
	protocols: readonly GitProtocol[];
	config: GitConfig;
	extra: Readonly<Record<string, string>>;
}

export const gitEnvironment = (options: GitEnvironmentOptions): Record<string, string> => {
	const env: Record<string, string> = {};
	const passed = options.userConfig ? [...PASSED, ...PASSED_TO_REMOTES] : PASSED;
	for (const name of passed) {
		const value = options.from[name];
		if (value !== undefined) env[name] = value;
	}
	Object.assign(env, ALWAYS, options.userConfig ? {} : WITHOUT_USER_CONFIG, options.extra);
	env.GIT_ALLOW_PROTOCOL = options.protocols.length > 0 ? options.protocols.join(':') : 'none';
	const config = [...ALWAYS_CONFIG, ...options.config];
	env.GIT_CONFIG_COUNT = String(config.length);
	config.forEach(([key, value], index) => {
		env[`GIT_CONFIG_KEY_${index}`] = key;
		env[`GIT_CONFIG_VALUE_${index}`] = value;
	});
	return env;
};
