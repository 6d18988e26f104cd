/**
 * What the runner is told from outside: its environment, parsed once.
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import * as z from 'zod';
import { reachableSocketPath } from './socket-path.ts';

/** Where the door is. */
export interface DoorAddress {
	folder: string;
	socketPath: string;
}

const absolutePath = z.string().startsWith('/').max(4096);
const portNumber = z.coerce.number().pipe(z.int().min(1).max(65_535));

const doorSchema = absolutePath.transform((door): DoorAddress => ({
	folder: dirname(door),
	socketPath: reachableSocketPath(door)
}));

const environmentSchema = z.object({
	AGENT_MANAGER_SESSION: z.uuid().toLowerCase(),
	AGENT_MANAGER_EPOCH: z.coerce.number().pipe(z.int().min(1)),
	AGENT_MANAGER_TOKEN: z.string().min(1),
	AGENT_MANAGER_DOOR: doorSchema,
	AGENT_MANAGER_SESSION_FOLDER: absolutePath,
	AGENT_MANAGER_WORKTREE: absolutePath,
	AGENT_MANAGER_CLAUDE: absolutePath.optional(),
	AGENT_MANAGER_RELAY_PORT: portNumber.optional(),
	AGENT_MANAGER_GIT_NAME: z.string().min(1).optional(),
	AGENT_MANAGER_GIT_EMAIL: z.string().min(1).optional()
});

export interface RunnerEnvironment {
	sessionId: string;
	epoch: number;
	token: string;
	door: DoorAddress;
	sessionFolder: string;
	worktree: string;
	/** The native `claude` program. */
	claudePath: string;
	/** 0: any free one. */
	relayPort: number;
	gitIdentity: { name: string; email: string } | null;
	/** What the agent inherits of our own environment, and no more. */
	inherited: Record<string, string>;
}

const INHERITED = [
	'PATH',
	'LANG',
	'LC_ALL',
	'TZ',
	'SHELL',
	'USER',
	'TMPDIR',
	'SSL_CERT_FILE',
	'NODE_EXTRA_CA_CERTS'
];

/** The program of the SDK's platform package: the first one that is installed. */
const installedClaude = (): string => {
	const require = createRequire(import.meta.url);
	const name = `@anthropic-ai/claude-agent-sdk-linux-${process.arch}`;
	for (const candidate of [name, `${name}-musl`]) {
		try {
			return require.resolve(`${candidate}/claude`);
		} catch {
			continue;
		}
	}
	throw new Error(`AGENT_MANAGER_CLAUDE is not set and ${name} is not installed`);
};

/** Throws with the names of the bad variables; never with their values, since one is the token. */
export const parseEnvironment = (env: NodeJS.ProcessEnv): RunnerEnvironment => {
	const parsed = environmentSchema.safeParse(env);
	if (!parsed.success) {
		const problems = parsed.error.issues.map(
			(issue) => `${issue.path.join('.')}: ${issue.message}`
		);
		throw new Error(`Bad environment. ${problems.join('; ')}`);
	}
	const it = parsed.data;
	const inherited: Record<string, string> = {};
	for (const name of INHERITED) {
		const value = env[name];
		if (value !== undefined) inherited[name] = value;
	}
	const gitName = it.AGENT_MANAGER_GIT_NAME;
	const gitEmail = it.AGENT_MANAGER_GIT_EMAIL;
	return {
		sessionId: it.AGENT_MANAGER_SESSION,
		epoch: it.AGENT_MANAGER_EPOCH,
		token: it.AGENT_MANAGER_TOKEN,
		door: it.AGENT_MANAGER_DOOR,
		sessionFolder: it.AGENT_MANAGER_SESSION_FOLDER,
		worktree: it.AGENT_MANAGER_WORKTREE,
		claudePath: it.AGENT_MANAGER_CLAUDE ?? installedClaude(),
		relayPort: it.AGENT_MANAGER_RELAY_PORT ?? 0,
		gitIdentity: gitName && gitEmail ? { name: gitName, email: gitEmail } : null,
		inherited
	};
};
