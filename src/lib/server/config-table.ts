/**
 * Every setting there is. This one table is read by the loader, by `doctor` and by the test that
 * keeps `.env.example` complete.
 */
import { LOG_LEVELS } from './logger.ts';
import { redactUrl } from './db/database-url.ts';
import {
	databaseUrl,
	decimalNumber,
	folderPath,
	imageName,
	listenHost,
	listOf,
	oneOf,
	optional,
	readGitHost,
	readOrigin,
	text,
	webAddress,
	wholeNumber,
	type ReadContext,
	type ValueKind
} from './config-values.ts';

export interface Setting<T> {
	/** Name in the environment and in `.env`. The key in the file is the property's name. */
	env: string;
	kind: ValueKind<T>;
	defaultValue(context: ReadContext): T;
	/** One sentence for `.env.example` and the documentation. */
	about: string;
	/** How it is shown; as JSON when left out. Must hide what is secret. */
	show?(value: T): string;
}

const setting = <T>(row: Setting<T>): Setting<T> => row;
const always =
	<T>(value: T) =>
	(): T =>
		value;

export const SETTINGS = {
	databaseUrl: setting<string | null>({
		env: 'DATABASE_URL',
		kind: optional(databaseUrl),
		defaultValue: always(null),
		about: 'A PostgreSQL 15 or later to use instead of the embedded one.',
		show: (value) => (value === null ? 'embedded' : redactUrl(value))
	}),
	host: setting<string>({
		env: 'HOST',
		kind: listenHost,
		defaultValue: always('127.0.0.1'),
		about: 'The address to listen on. Anything but loopback makes the app reachable by others.'
	}),
	port: setting<number>({
		env: 'PORT',
		kind: wholeNumber(0, 65_535, ' (0 takes any free one)'),
		defaultValue: always(3000),
		about: 'The port to listen on (`npm run dev` has its own, 5173).'
	}),
	workspaceRoot: setting<string>({
		env: 'WORKSPACE_ROOT',
		kind: folderPath,
		defaultValue: ({ homeDirectory }) => `${homeDirectory}/.agent-manager`,
		about: 'Where mirrors, worktrees, session folders and the embedded database are.'
	}),
	containerImage: setting<string>({
		env: 'CONTAINER_IMAGE',
		kind: imageName,
		defaultValue: always('agent-manager-sandbox:latest'),
		about: 'The image that Docker sandboxes are made from.'
	}),
	sandboxDriver: setting<'auto' | 'docker' | 'bubblewrap'>({
		env: 'SANDBOX_DRIVER',
		kind: oneOf(['auto', 'docker', 'bubblewrap']),
		defaultValue: always('auto'),
		about:
			'How sandboxes are made. auto: Docker if its engine and image are there, else bubblewrap.'
	}),
	sandboxCpus: setting<number>({
		env: 'SANDBOX_CPUS',
		kind: decimalNumber(0.1, 512),
		defaultValue: always(2),
		about: 'CPUs that one sandbox may use.'
	}),
	sandboxMemoryMb: setting<number>({
		env: 'SANDBOX_MEMORY_MB',
		kind: wholeNumber(512, 4_194_304),
		defaultValue: always(4096),
		about: 'Memory of one sandbox, in MiB.'
	}),
	sandboxPids: setting<number>({
		env: 'SANDBOX_PIDS',
		kind: wholeNumber(64, 1_000_000),
		defaultValue: always(1024),
		about: 'Processes and threads together that one sandbox may have.'
	}),
	maxRunningSessions: setting<number | null>({
		env: 'MAX_RUNNING_SESSIONS',
		kind: optional(wholeNumber(0, 100_000, ' (0: no limit)')),
		defaultValue: always(null),
		about:
			'Sessions that start or have a turn open at once; more wait in line. 0: no limit; unset: by the size of the machine.',
		show: (value) => (value === null ? 'by the size of the machine' : String(value))
	}),
	idleTimeoutSeconds: setting<number>({
		env: 'IDLE_TIMEOUT_SECONDS',
		kind: wholeNumber(1, 86_400),
		defaultValue: always(30),
		about:
			'Silence after which a running session without an open turn is checked and set to waiting.'
	}),
	sleepAfterSeconds: setting<number>({
		env: 'SLEEP_AFTER_SECONDS',
		kind: wholeNumber(0, 31_536_000, ' (0: never)'),
		defaultValue: always(1800),
		about: 'Idle time after which a waiting session’s sandbox is put away until the next message.'
	}),
	archiveAfterDays: setting<number>({
		env: 'ARCHIVE_AFTER_DAYS',
		kind: wholeNumber(0, 36_500, ' (0: never)'),
		defaultValue: always(30),
		about: 'Days after which an ended session that is not pinned goes to the archive.'
	}),
	deleteAfterDays: setting<number>({
		env: 'DELETE_AFTER_DAYS',
		kind: wholeNumber(0, 36_500, ' (0: never)'),
		defaultValue: always(0),
		about: 'Days in the archive after which a session is purged; its unpushed commits are kept.'
	}),
	orchestratorMaxSessions: setting<number>({
		env: 'ORCHESTRATOR_MAX_SESSIONS',
		kind: wholeNumber(0, 100_000),
		defaultValue: always(20),
		about: 'Sessions that one orchestrator may start, over its whole life.'
	}),
	orchestratorMaxRunning: setting<number>({
		env: 'ORCHESTRATOR_MAX_RUNNING',
		kind: wholeNumber(0, 100_000),
		defaultValue: always(5),
		about: 'Sessions of one orchestrator that may be at work at once.'
	}),
	allowGitHosts: setting<string[]>({
		env: 'ALLOW_GIT_HOSTS',
		kind: listOf('a host such as git.example.com or 127.0.0.1:8080', readGitHost),
		defaultValue: () => [],
		about: 'Private or loopback git servers that repos may come from.'
	}),
	githubApiUrl: setting<string>({
		env: 'GITHUB_API_URL',
		kind: webAddress,
		defaultValue: always('https://api.github.com'),
		about: 'Where GitHub’s API is; of an Enterprise server, https://HOST/api/v3.'
	}),
	modelUpstream: setting<'auto' | 'anthropic' | 'demo'>({
		env: 'MODEL_UPSTREAM',
		kind: oneOf(['auto', 'anthropic', 'demo']),
		defaultValue: always('auto'),
		about:
			'The model behind the agents. auto: Anthropic if credentials are found, else the built-in demo.'
	}),
	baseSystemPrompt: setting<string | null>({
		env: 'BASE_SYSTEM_PROMPT',
		kind: optional(text(100_000)),
		defaultValue: always(null),
		about: 'Put before the role’s own instructions in every session.',
		show: (value) => (value === null ? 'none' : `${value.length} characters`)
	}),
	auth: setting<'token' | 'none'>({
		env: 'AUTH',
		kind: oneOf(['token', 'none']),
		defaultValue: always('token'),
		about:
			'Sign-in by the link that the start prints. none: everybody on this machine; loopback only.'
	}),
	allowedOrigins: setting<string[]>({
		env: 'ALLOWED_ORIGINS',
		kind: listOf('an origin such as https://agents.example.com', readOrigin),
		defaultValue: () => [],
		about: 'Further addresses the app is opened under, for instance behind a reverse proxy.'
	}),
	logLevel: setting<(typeof LOG_LEVELS)[number]>({
		env: 'LOG_LEVEL',
		kind: oneOf(LOG_LEVELS),
		defaultValue: always('info'),
		about: 'How much is logged.'
	})
};

export type SettingName = keyof typeof SETTINGS;
export type SettingValues = {
	[Name in SettingName]: (typeof SETTINGS)[Name] extends Setting<infer T> ? T : never;
};

export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];
