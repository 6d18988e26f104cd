/**
 * What a container may be that the app asks for: a sandbox as `docker-container.ts` describes it, and nothing else.
 * Every key is named, since the engine reads keys whatever their case; what is sent on is what was parsed.
 */
import { z } from 'zod';

export interface SandboxRules {
	/** The one image that sandboxes are made from. */
	image: string;
	/** The folder that the app shares with them; absolute, without links in it. */
	workspace: string;
	/** Who a sandbox runs as, `uid:gid`; the app's own. */
	owner: string;
}

/** Put on each container that is made through the proxy: whose stack it belongs to. Nobody else can set it. */
export const STACK_LABEL = 'agent-manager.stack';
const SESSION_LABEL = 'agent-manager.session';

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const positive = z.int().positive();
const stringList = z.array(z.string());

const mount = z.strictObject({
	Type: z.literal('bind'),
	Source: z.string(),
	Target: z.string(),
	ReadOnly: z.boolean()
});
export type Mount = z.infer<typeof mount>;

/** No network, no capability, no way to more rights, a limit on each thing that can be used up. */
const hostConfig = z.strictObject({
	NetworkMode: z.literal('none'),
	ReadonlyRootfs: z.literal(true),
	CapDrop: z.tuple([z.literal('ALL')]),
	SecurityOpt: z.tuple([z.literal('no-new-privileges')]),
	Privileged: z.literal(false),
	Init: z.literal(true),
	IpcMode: z.literal('private'),
	Tmpfs: z.strictObject({ '/tmp': z.string().regex(/^rw,exec,nosuid,nodev,mode=1777,size=\d+$/) }),
	Memory: positive,
	MemorySwap: positive,
	NanoCpus: positive,
	PidsLimit: positive,
	RestartPolicy: z.strictObject({ Name: z.literal('no') }),
	LogConfig: z.union([
		z.strictObject({
			Type: z.literal('json-file'),
			Config: z.strictObject({ 'max-size': z.literal('4m'), 'max-file': z.literal('2') })
		}),
		z.strictObject({ Type: z.literal('none'), Config: z.strictObject({}) })
	]),
	AutoRemove: z.literal(true).optional(),
	Mounts: z.array(mount)
});

const containerOptions = ({ image, owner }: SandboxRules) =>
	z.strictObject({
		// Told in the address; dockerode repeats it here.
		name: z.string().optional(),
		Image: z.literal(image),
		Labels: z.record(z.string().startsWith('agent-manager.'), z.string()),
		User: z.literal(owner),
		Env: stringList,
		WorkingDir: z.string(),
		Entrypoint: stringList.optional(),
		Cmd: stringList.optional(),
		Hostname: z.literal('sandbox'),
		Tty: z.literal(false),
		AttachStdin: z.boolean().optional(),
		AttachStdout: z.boolean().optional(),
		AttachStderr: z.boolean().optional(),
		OpenStdin: z.boolean().optional(),
		StdinOnce: z.boolean().optional(),
		HostConfig: hostConfig
	});

/** Refused: `why` says what for, in words for the log of the proxy and the page of the session. */
export class Refused extends Error {}

/** The parsed value; throws `Refused` with the first thing that is wrong. */
const parse = <T>(schema: z.ZodType<T>, value: unknown, what: string): T => {
	const parsed = schema.safeParse(value);
	if (parsed.success) return parsed.data;
	const [issue] = parsed.error.issues;
	const where = issue?.path.map(String).join('.') ?? '';
	throw new Refused(`${what}: ${where === '' ? '' : `${where}: `}${issue?.message ?? 'is wrong'}`);
};

/** A session's own worktree, folder and door, and the objects of a mirror; what is not the session's is read-only. */
const isOwnMount = ({ Source, Target, ReadOnly }: Mount, workspace: string, session: string) => {
	if (Source !== Target || !Source.startsWith(`${workspace}/`)) return false;
	if (Source.includes('//') || /(^|\/)\.{1,2}(\/|$)/.test(Source)) return false;
	const inside = Source.slice(workspace.length + 1);
	if (inside === `worktrees/${session}` || inside === `sessions/${session}`) return true;
	const isReadable =
		inside === `sessions/${session}/door` || /^repos\/.+\.git\/objects$/.test(inside);
	return ReadOnly && isReadable;
};

/** What is sent to the engine instead of `asked`, with the stack's label. Throws `Refused`. */
export const checkedContainer = (
	asked: unknown,
	name: string | null,
	rules: SandboxRules
): { options: Record<string, unknown>; mounts: Mount[] } => {
	const { name: _, ...options } = parse(containerOptions(rules), asked, 'the container');
	if (options.Labels[STACK_LABEL] !== undefined)
		throw new Refused('the container names its own stack');
	const session = options.Labels[SESSION_LABEL] ?? '';
	if (!new RegExp(`^${UUID}$`).test(session)) throw new Refused('the container is of no session');
	if (name !== null && name !== `agent-session-${session}`) {
		throw new Refused(`the container's name is not its session's`);
	}
	const { Memory, MemorySwap, Mounts } = options.HostConfig;
	if (MemorySwap !== Memory) throw new Refused('the container may swap');
	for (const one of Mounts) {
		if (isOwnMount(one, rules.workspace, session)) continue;
		throw new Refused(
			`the mount of ${one.Source}${one.ReadOnly ? '' : ', writable,'} is none of the session's`
		);
	}
	const labels = { ...options.Labels, [STACK_LABEL]: rules.workspace };
	return { options: { ...options, Labels: labels }, mounts: Mounts };
};

const execOptions = ({ owner }: SandboxRules) =>
	z.strictObject({
		Cmd: stringList,
		User: z.literal(owner),
		WorkingDir: z.string(),
		AttachStdin: z.boolean(),
		AttachStdout: z.literal(true),
		AttachStderr: z.literal(true),
		Tty: z.literal(false)
	});

/** A program to be run in a sandbox that is up: as its user, without more rights. Throws `Refused`. */
export const checkedExec = (asked: unknown, rules: SandboxRules): Record<string, unknown> =>
	parse(execOptions(rules), asked, 'the program');
