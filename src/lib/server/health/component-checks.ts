/** What each component is judged by. The facts come from the parts that own them. */
import { statfs } from 'node:fs/promises';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { DriverKind } from '@agent-manager/protocol/session.ts';
import type { SessionPulse } from '#lib/domain/session-pulse.ts';
import type { RepoRow } from '#lib/server/db/repos.ts';
import type { Git } from '#lib/server/git/exec.ts';
import type { UpstreamDescription } from '#lib/server/model/upstream.ts';
import type { DriverStatus } from '#lib/server/runner/driver-choice.ts';
import { broken, fine, poor, type ComponentCheck, type Look } from './component-watch.ts';

export interface ModelPulse {
	answeredAtMs: number | null;
	failure: { error: WireError; atMs: number } | null;
}

export interface ComponentParts {
	workspaceRoot: string;
	/** Why the workspace can't be used just now. */
	workspaceProblem: () => Promise<WireError | null>;
	git: Git;
	ping: () => Promise<void>;
	listRepos: () => Promise<RepoRow[]>;
	drivers: () => Promise<DriverStatus[]>;
	pulse: () => SessionPulse;
	ingestLagMs: () => number | null;
	model: () => Promise<UpstreamDescription & { label: string }>;
	modelPulse: () => ModelPulse;
	github: () => Promise<string | null>;
	/** When the last inventory was taken, and what could not be listed for it. */
	inventory: () => { at: string | null; failures: readonly string[] };
	nowMs: () => number;
}

const MB = 1e6;
const GB = 1e9;
const SCARCE_BYTES = 5 * GB;
/** Less, and neither the database nor an agent can write any more. */
const FULL_BYTES = 32 * MB;
const LATE_MS = 5_000;
/** The look at all sessions is taken every 5 s; one that is this old hangs. */
const STUCK_MS = 60_000;
const RECENT_MS = 10 * 60_000;

const lookAtDisk = async ({ workspaceRoot, workspaceProblem }: ComponentParts): Promise<Look> => {
	const gone = await workspaceProblem();
	if (gone) return { ...broken(gone.message, gone.hint ?? ''), latencyMs: null };
	const { bavail, bsize } = await statfs(workspaceRoot);
	const free = bavail * bsize;
	const found =
		free < GB ? `${Math.round(free / MB)} MB free` : `${(free / GB).toFixed(1)} GB free`;
	const advice = 'Free space below, or move WORKSPACE_ROOT to a larger disk.';
	if (free < FULL_BYTES) return { ...broken(found, advice), latencyMs: null };
	return { ...(free < SCARCE_BYTES ? poor(found, advice) : fine(found)), latencyMs: null };
};

const lookAtIngest = ({ ingestLagMs, pulse }: ComponentParts): Look => {
	const lagMs = ingestLagMs();
	const { intake } = pulse();
	const latencyMs = lagMs === null ? null : Math.round(lagMs);
	if (intake > 0 && (lagMs ?? 0) > LATE_MS) {
		const found = `${intake} records wait for the database`;
		return {
			...poor(found, 'They are safe in the runners’ outboxes; look at the database.'),
			latencyMs
		};
	}
	if (lagMs !== null && lagMs > LATE_MS) {
		const found = `events are stored ${Math.round(lagMs / 1_000)} s after they happened`;
		return {
			...poor(found, 'The machine or its disk is busy; fewer sessions at once help.'),
			latencyMs
		};
	}
	const found = lagMs === null ? 'no events in the last minute' : 'events are stored as they come';
	return { ...fine(found), latencyMs };
};

const lookAtDriver = async (kind: DriverKind, parts: ComponentParts): Promise<Look> => {
	const all = await parts.drivers();
	const own = all.find((driver) => driver.kind === kind);
	if (!own) return { state: 'unknown', found: 'not there', advice: null };
	const version = own.version ?? '';
	if (own.available) {
		return fine(own.limited ? `${version}, limits hold` : `${version}, not limited`);
	}
	const problem = own.problem ?? 'not there';
	const isMissed = parts.pulse().unlisted.includes(kind) && parts.pulse().sandboxes > 0;
	const isOnly = !all.some((driver) => driver.available);
	if (isMissed || isOnly) return broken(problem, own.hint ?? 'Run `npm run doctor`.');
	return { state: 'unknown', found: `not used: ${problem}`, advice: null };
};

const lookAtRunners = ({ pulse }: ComponentParts): Look => {
	const { sandboxes, runners } = pulse();
	const latencyMs = null;
	if (sandboxes === 0) return { ...fine('no sandbox runs'), latencyMs };
	const found = `${runners} of ${sandboxes} connected`;
	if (runners >= sandboxes) return { ...fine(found), latencyMs };
	const advice =
		'A runner that starts or reconnects takes a moment; see the sessions that do not move.';
	return { ...poor(found, advice), latencyMs };
};

const lookAtReconciler = ({ pulse, inventory, nowMs }: ComponentParts): Look => {
	const { lookedAtMs, lookMs, problem, retrying } = pulse();
	const seen = { latencyMs: lookMs, lookedAtMs };
	if (lookedAtMs !== null && nowMs() - lookedAtMs > STUCK_MS) {
		return {
			...broken('the look at the sessions hangs', 'Restart the app: sandboxes go on.'),
			...seen
		};
	}
	if (problem !== null) return { ...poor(problem, 'It is tried again every 5 s.'), ...seen };
	const [failure] = inventory().failures;
	if (failure)
		return { ...poor(failure, 'Nothing is concluded from it; it is tried again.'), ...seen };
	if (retrying > 0) {
		const found = `${retrying} ${retrying === 1 ? 'session has' : 'sessions have'} a step that fails`;
		return { ...poor(found, 'It is tried again; the app’s log has the reason.'), ...seen };
	}
	return { ...fine('everything is as it should be'), ...seen };
};

const lookAtModel = async ({ model, modelPulse, nowMs }: ComponentParts): Promise<Look> => {
	const { label, problem } = await model();
	const { answeredAtMs, failure } = modelPulse();
	if (problem) return broken(problem.message, problem.hint ?? '');
	const isFailing = failure !== null && failure.atMs > (answeredAtMs ?? 0);
	if (isFailing && nowMs() - failure.atMs < RECENT_MS) {
		const { message, hint = 'It is tried again by the agents.' } = failure.error;
		return { ...poor(`${label}: ${message}`, hint), latencyMs: null, lookedAtMs: failure.atMs };
	}
	const found = answeredAtMs === null ? `${label}, not asked yet` : `${label} answers`;
	return { ...fine(found), latencyMs: null, lookedAtMs: answeredAtMs ?? nowMs() };
};

const lookAtMirrors = async ({ listRepos, pulse }: ComponentParts): Promise<Look> => {
	const repos = await listRepos();
	const { notMirrored } = pulse();
	const failing = repos.filter(({ error }) => error !== null);
	const [first] = failing;
	if (!first && notMirrored.length > 0) {
		const found = `the commits of ${notMirrored.length} ${notMirrored.length === 1 ? 'session' : 'sessions'} are missing in the mirror: ${notMirrored[0]}`;
		return poor(found, 'The worktree has them; they are brought in again as soon as that works.');
	}
	if (!first) return { ...fine(repos.length === 0 ? 'no repos yet' : `${repos.length} in order`) };
	const found = `${failing.length} of ${repos.length}: ${first.owner}/${first.name}: ${first.error?.message}`;
	return poor(found, first.error?.hint ?? 'Refresh the repo on its page.');
};

const SECOND = 1_000;
const MINUTE = 60 * SECOND;

export const componentChecks = (
	parts: ComponentParts,
	kinds: readonly DriverKind[]
): ComponentCheck[] => [
	{
		...{ name: 'database', title: 'Database', everyMs: 5 * SECOND },
		look: async () => {
			await parts.ping();
			return fine('answers');
		}
	},
	{
		...{ name: 'ingest', title: 'Event log', everyMs: 5 * SECOND },
		look: () => Promise.resolve(lookAtIngest(parts))
	},
	...kinds.map((kind) => ({
		...{ name: `sandbox-${kind}`, title: kind === 'docker' ? 'Docker' : 'bubblewrap' },
		everyMs: 30 * SECOND,
		look: () => lookAtDriver(kind, parts)
	})),
	{
		...{ name: 'runners', title: 'Runners', everyMs: 5 * SECOND },
		look: () => Promise.resolve(lookAtRunners(parts))
	},
	{
		...{ name: 'reconciler', title: 'Reconciler', everyMs: 5 * SECOND },
		look: () => Promise.resolve(lookAtReconciler(parts))
	},
	{
		...{ name: 'disk', title: 'Disk', everyMs: 10 * SECOND },
		look: () => lookAtDisk(parts)
	},
	{
		...{ name: 'git', title: 'git', everyMs: 10 * MINUTE },
		look: async () => {
			const asked = await parts.git.run({ args: ['version'], what: 'ask git for its version' });
			if (!asked.ok) return broken(asked.error.message, asked.error.hint ?? '');
			return fine(asked.value.stdout.trim().replace(/^git version /, ''));
		}
	},
	{
		...{ name: 'mirrors', title: 'Mirrors', everyMs: 30 * SECOND },
		look: () => lookAtMirrors(parts)
	},
	{
		...{ name: 'model', title: 'Model', everyMs: 10 * SECOND },
		look: () => lookAtModel(parts)
	},
	{
		...{ name: 'github', title: 'GitHub', everyMs: 5 * MINUTE },
		look: async () => {
			const source = await parts.github();
			if (source !== null) return fine(`signed in (${source})`);
			return { ...fine('not signed in: public repos only'), latencyMs: null };
		}
	}
];
