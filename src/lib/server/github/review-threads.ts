/** Threads of a review, by the comments that they are made of; those that are resolved are left out. */
import { z } from 'zod';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { PullThread } from '@agent-manager/protocol/github.ts';
import { cleanText } from '#lib/domain/clean-text.ts';
import { ok, type Result } from '#lib/domain/result.ts';
import type { GithubClient } from './client.ts';
import { line, SHOWN_MAX, unexpected, user, webUrl } from './github-fields.ts';
import type { Branch } from './pull-requests.ts';

const TEXT_MAX = 2_000;

export const commentsSchema = z.array(
	z.object({
		id: z.int(),
		in_reply_to_id: z.int().nullish(),
		user,
		path: line,
		line: z.int().nullish(),
		body: z.string().transform((text) => cleanText(text).slice(0, TEXT_MAX)),
		html_url: webUrl
	})
);
type Comment = z.infer<typeof commentsSchema>[number];

/** Only GraphQL tells which threads are resolved. It knows no ETag: asked only where there are threads. */
const RESOLVED_QUERY = `query ($owner: String!, $name: String!, $number: Int!) {
	repository(owner: $owner, name: $name) {
		pullRequest(number: $number) {
			reviewThreads(last: 100) {
				nodes { isResolved comments(first: 1) { nodes { databaseId } } }
			}
		}
	}
}`;

const resolvedSchema = z.object({
	repository: z.object({
		pullRequest: z.object({
			reviewThreads: z.object({
				nodes: z.array(
					z.object({
						isResolved: z.boolean(),
						comments: z.object({ nodes: z.array(z.object({ databaseId: z.int() })) })
					})
				)
			})
		})
	})
});

/** First comments of resolved threads. Where that can't be told, none: then all of them show. */
export const readResolved = async (
	client: GithubClient,
	{ owner, name }: Branch,
	number: number
): Promise<ReadonlySet<number>> => {
	const asked = await client.graphql(RESOLVED_QUERY, { owner, name, number });
	const parsed = resolvedSchema.safeParse(asked.ok ? asked.value : null);
	if (!parsed.success) return new Set();
	const { nodes } = parsed.data.repository.pullRequest.reviewThreads;
	return new Set(
		nodes
			.filter(({ isResolved }) => isResolved)
			.flatMap(({ comments }) => comments.nodes.map(({ databaseId }) => databaseId))
	);
};

export const threadsOf = (
	comments: readonly Comment[],
	resolved: ReadonlySet<number>
): PullThread[] =>
	comments
		.filter(({ in_reply_to_id: parent }) => parent === null || parent === undefined)
		.filter(({ id }) => !resolved.has(id))
		.slice(-SHOWN_MAX)
		.map((first) => ({
			id: `thread:${first.id}`,
			author: first.user,
			path: first.path,
			line: first.line ?? null,
			body: first.body,
			replies: comments.filter(({ in_reply_to_id: parent }) => parent === first.id).length,
			url: first.html_url
		}));

/** The comments of a thread, oldest first. */
export const readThread = async (
	client: GithubClient,
	{ owner, name }: Branch,
	number: number,
	threadId: string
): Promise<Result<{ author: string; body: string }[], WireError>> => {
	const id = Number(threadId.split(':')[1]);
	const path = `/repos/${owner}/${name}/pulls/${number}/comments`;
	const answer = await client.get(path, { per_page: 100 });
	if (!answer.ok) return answer;
	const comments = commentsSchema.safeParse(answer.value.data);
	if (!comments.success) return unexpected();
	const thread = comments.data.filter((one) => one.id === id || one.in_reply_to_id === id);
	return ok(thread.map(({ user: author, body }) => ({ author, body })));
};
