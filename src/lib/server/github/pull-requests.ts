/**
 * The pull request of a branch, however it was made, with checks and reviews. Everything is asked for with
 * the ETag of the answer before, which the caller keeps: an unchanged answer costs nothing of the limit.
 */
import { z } from 'zod';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { CreatePull, PullCheck, PullRequest } from '@agent-manager/protocol/github.ts';
import { cleanText } from '#lib/domain/clean-text.ts';
import {
	checkRunState,
	commitStatusState,
	foldChecks,
	foldReviews
} from '#lib/domain/pull-request.ts';
import { ok, type Result } from '#lib/domain/result.ts';
import type { GithubClient } from './client.ts';
import { line, SHOWN_MAX, unexpected, user, webUrl } from './github-fields.ts';
import { commentsSchema, readResolved, threadsOf } from './review-threads.ts';

/** By path: what GitHub answered last, as far as it is used. */
export type KeptAnswers = Record<string, { etag: string; data: unknown }>;

export interface Branch {
	owner: string;
	name: string;
	branch: string;
}

export interface Looked {
	pull: PullRequest | null;
	answers: KeptAnswers;
}

const pullSchema = z.object({
	number: z.int(),
	title: line,
	html_url: webUrl,
	state: z.string(),
	draft: z.boolean().nullish(),
	merged_at: z.string().nullish(),
	base: z.object({ ref: line }),
	head: z.object({ sha: z.string().regex(/^[0-9a-f]{40,64}$/) })
});
const runsSchema = z.object({
	check_runs: z.array(
		z.object({
			id: z.int(),
			name: line,
			status: z.string(),
			conclusion: z.string().nullable(),
			html_url: webUrl.nullish()
		})
	)
});
const statusSchema = z.object({
	statuses: z.array(
		z.object({
			context: line,
			state: z.string(),
			target_url: webUrl.nullish().catch(null),
			description: line.nullish()
		})
	)
});
const reviewsSchema = z.array(z.object({ user, state: z.string() }));
/** One look: what it asks goes through here, so that only what is still asked for is kept. */
class Look {
	readonly answers: KeptAnswers = {};
	readonly #client: GithubClient;
	readonly #kept: KeptAnswers;

	constructor(client: GithubClient, kept: KeptAnswers) {
		this.#client = client;
		this.#kept = kept;
	}

	async get<T extends z.ZodType>(
		path: string,
		query: Record<string, string | number>,
		schema: T
	): Promise<Result<z.output<T>, WireError>> {
		const key = `${path}?${new URLSearchParams(query as Record<string, string>)}`;
		const kept = this.#kept[key];
		const answer = await this.#client.get(path, query, kept?.etag);
		if (!answer.ok) return answer;
		const { data, etag } = answer.value;
		const parsed = schema.safeParse(data === null && kept ? kept.data : data);
		if (!parsed.success) return unexpected();
		// The parsed form reads as the same again: it is what is kept, for it is far smaller.
		if (etag !== null) this.answers[key] = { etag, data: slim(data, kept?.data) };
		return ok(parsed.data);
	}
}

/** Fields that are read, at any depth; the rest of an answer is many times as long. */
const USED = new Set(
	(
		'number title html_url state draft merged_at base ref head sha check_runs id name status ' +
		'conclusion statuses context target_url description user login in_reply_to_id path line body'
	).split(' ')
);
const slim = (data: unknown, kept: unknown): unknown => {
	if (data === null) return kept;
	return JSON.parse(JSON.stringify(data), (key, value: unknown) =>
		key === '' || /^\d+$/.test(key) || USED.has(key) ? value : undefined
	) as unknown;
};

const stateOf = ({ state, draft, merged_at: merged }: z.infer<typeof pullSchema>) => {
	if (merged) return 'merged';
	if (state !== 'open') return 'closed';
	return draft === true ? 'draft' : 'open';
};

const readChecks = async (
	look: Look,
	repo: string,
	commit: string
): Promise<Result<PullCheck[], WireError>> => {
	const runs = await look.get(
		`${repo}/commits/${commit}/check-runs`,
		{ per_page: 100 },
		runsSchema
	);
	if (!runs.ok) return runs;
	const status = await look.get(
		`${repo}/commits/${commit}/status`,
		{ per_page: 100 },
		statusSchema
	);
	if (!status.ok) return status;
	const checks: PullCheck[] = [
		...runs.value.check_runs.map((run) => ({
			id: `check:${run.id}`,
			name: run.name,
			state: checkRunState(run.status, run.conclusion),
			url: run.html_url ?? null
		})),
		...status.value.statuses.map(({ context, state, target_url: url }) => ({
			id: `status:${context}`,
			name: context,
			state: commitStatusState(state),
			url: url ?? null
		}))
	];
	return ok(checks);
};

/** Errors as `GithubClient.get`. */
export const lookAtPull = async (
	client: GithubClient,
	{ owner, name, branch }: Branch,
	kept: KeptAnswers
): Promise<Result<Looked, WireError>> => {
	const look = new Look(client, kept);
	const repo = `/repos/${owner}/${name}`;
	const query = { head: `${owner}:${branch}`, state: 'all', per_page: 20 };
	const listed = await look.get(`${repo}/pulls`, query, z.array(pullSchema));
	if (!listed.ok) return listed;
	const found = listed.value.find(({ state }) => state === 'open') ?? listed.value[0];
	if (!found) return ok({ pull: null, answers: look.answers });
	const state = stateOf(found);
	const pull: PullRequest = {
		...{ number: found.number, title: found.title, url: found.html_url, state },
		...{ base: found.base.ref, headCommit: found.head.sha },
		...{ checkState: null, checks: [], review: null, threads: [] }
	};
	if (state === 'merged' || state === 'closed') return ok({ pull, answers: look.answers });
	const checks = await readChecks(look, repo, found.head.sha);
	if (!checks.ok) return checks;
	const path = `${repo}/pulls/${found.number}`;
	const reviews = await look.get(`${path}/reviews`, { per_page: 100 }, reviewsSchema);
	if (!reviews.ok) return reviews;
	const comments = await look.get(`${path}/comments`, { per_page: 100 }, commentsSchema);
	if (!comments.ok) return comments;
	const resolved =
		comments.value.length > 0
			? await readResolved(client, { owner, name, branch }, found.number)
			: new Set<number>();
	return ok({
		pull: {
			...pull,
			checkState: foldChecks(checks.value),
			checks: checks.value.slice(0, SHOWN_MAX),
			review: foldReviews(reviews.value),
			threads: threadsOf(comments.value, resolved)
		},
		answers: look.answers
	});
};

/** Errors: `pull_request_exists`, `branch_not_pushed`, `github_refused` and those of the client. */
export const createPull = async (
	client: GithubClient,
	{ owner, name, branch }: Branch,
	{ title, body, base, draft }: CreatePull
): Promise<Result<void, WireError>> => {
	const made = await client.post(`/repos/${owner}/${name}/pulls`, {
		...{ title, body, base, draft, head: branch }
	});
	return made.ok ? ok() : made;
};

const runOutputSchema = z.object({
	app: z.object({ slug: z.string() }).nullish(),
	output: z
		.object({
			title: z.string().nullish(),
			summary: z.string().nullish(),
			text: z.string().nullish()
		})
		.nullish()
});
const annotationsSchema = z.array(
	z.object({ path: z.string(), start_line: z.int(), message: z.string() })
);

/** What a check said: its summary and annotations, and of a job of GitHub Actions its log. */
export const readCheckLog = async (
	client: GithubClient,
	{ owner, name }: Branch,
	checkId: string
): Promise<Result<string, WireError>> => {
	const [kind, id = ''] = checkId.split(':');
	if (kind !== 'check' || !/^\d+$/.test(id)) return ok('');
	const repo = `/repos/${owner}/${name}`;
	const run = await client.get(`${repo}/check-runs/${id}`, {});
	if (!run.ok) return run;
	const parsed = runOutputSchema.safeParse(run.value.data);
	if (!parsed.success) return unexpected();
	const { app, output } = parsed.data;
	const annotations = await client.get(`${repo}/check-runs/${id}/annotations`, { per_page: 50 });
	const notes = annotations.ok ? annotationsSchema.safeParse(annotations.value.data) : null;
	const job =
		app?.slug === 'github-actions' ? await client.get(`${repo}/actions/jobs/${id}/logs`, {}) : null;
	const log = job?.ok && typeof job.value.data === 'string' ? job.value.data : '';
	const parts = [
		...[output?.title, output?.summary, output?.text],
		...(notes?.success ? notes.data : []).map(
			({ path, start_line: at, message }) => `${path}:${at}: ${message}`
		),
		log
	];
	return ok(cleanText(parts.filter((part) => part?.trim()).join('\n')));
};
