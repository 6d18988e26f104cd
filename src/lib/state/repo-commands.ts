/** What a person does with repos, over HTTP: each answers with the row, at once. */
import type { Repo } from '@agent-manager/protocol/repo.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import type { StartSession } from '@agent-manager/protocol/requests.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { z } from 'zod';
import type { githubListSchema, repoRemovedSchema } from '@agent-manager/protocol/responses.ts';
import { ok, type Result } from '#lib/domain/result.ts';
import { callApi } from './api-client.ts';

export type GithubPage = z.infer<typeof githubListSchema>;
export type RepoRemoved = z.infer<typeof repoRemovedSchema>;

export const registerRepo = async (url: string): Promise<Result<Repo, WireError>> => {
	const answer = await callApi<{ repo: Repo }>('/api/repos', { method: 'POST', body: { url } });
	return answer.ok ? ok(answer.value.repo) : answer;
};

export const refreshRepo = async (id: string): Promise<Result<Repo, WireError>> => {
	const answer = await callApi<{ repo: Repo }>(`/api/repos/${id}/refresh`, { method: 'POST' });
	return answer.ok ? ok(answer.value.repo) : answer;
};

export const removeRepo = (id: string, force: boolean): Promise<Result<RepoRemoved, WireError>> =>
	callApi<RepoRemoved>(`/api/repos/${id}${force ? '?force=true' : ''}`, { method: 'DELETE' });

export const searchGithub = (
	query: string,
	page: number,
	signal: AbortSignal
): Promise<Result<GithubPage, WireError>> => {
	const search = new URLSearchParams({ q: query, page: String(page) });
	return callApi<GithubPage>(`/api/repos/github?${search}`, { signal });
};

export const listArchived = async (repoId: string): Promise<Result<Session[], WireError>> => {
	const path = `/api/repos/${repoId}/sessions?archived=true`;
	const answer = await callApi<{ sessions: Session[] }>(path);
	return answer.ok ? ok(answer.value.sessions) : answer;
};

/** `key`: the same one when the same request is tried again. */
export const startSession = async (
	repoId: string,
	request: Partial<StartSession> & Pick<StartSession, 'goalPrompt'>,
	key: string
): Promise<Result<Session, WireError>> => {
	const answer = await callApi<{ session: Session }>(`/api/repos/${repoId}/sessions`, {
		method: 'POST',
		body: request,
		idempotencyKey: key
	});
	return answer.ok ? ok(answer.value.session) : answer;
};
