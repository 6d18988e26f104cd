/**
 * Pull requests of many sessions' branches at once: each looked at while somebody looks, opened one after the
 * other. Where there are none, since the repo is not on GitHub, the branches are pushed.
 */
import { untrack } from 'svelte';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import { lastMessageOf } from '#lib/domain/pull-request.ts';
import { callApi } from './api-client.ts';
import { GitCommands } from './git-commands.svelte.ts';
import { PullRequestController } from './pull-request-controller.svelte.ts';

/** What it said last is in these, most likely. */
const LAST_EVENTS = 200;

const lastMessage = async ({ id, head }: Session): Promise<string> => {
	const path = `/api/sessions/${id}/events?before=${head + 1}&limit=${LAST_EVENTS}`;
	const page = await callApi<{ events: SessionEvent[] }>(path);
	return page.ok ? lastMessageOf(page.value.events) : '';
};

export class BranchPulls {
	/** Ids of those whose pull request is on its way. */
	opening = $state.raw<ReadonlySet<string>>(new Set());
	#controllers = $state.raw<ReadonlyMap<string, PullRequestController>>(new Map());

	/** These are looked at from now on, each by a controller that stays. */
	watch(sessionIds: readonly string[]): void {
		const known = untrack(() => this.#controllers);
		const added = sessionIds.filter((id) => !known.has(id));
		if (added.length === 0) return;
		const made = added.map((id) => [id, new PullRequestController(id)] as const);
		this.#controllers = new Map([...known, ...made]);
	}

	of(sessionId: string): PullRequestController | undefined {
		return this.#controllers.get(sessionId);
	}

	/** It has commits, and its branch never had a pull request. */
	canOpen({ id, commitCount }: Session): boolean {
		const state = this.of(id)?.state;
		return commitCount > 0 && state?.unavailable === null && state.pull === null;
	}

	/** Pushes and opens them in this order: one may build on the branch of one before it. */
	async open(sessions: readonly Session[], draft: boolean): Promise<void> {
		this.opening = new Set([...this.opening, ...sessions.map(({ id }) => id)]);
		for (const session of sessions) {
			const { id, title, baseBranch: base } = session;
			await this.of(id)?.create({ title, body: await lastMessage(session), base, draft });
			this.opening = new Set([...this.opening].filter((one) => one !== id));
		}
	}

	/** Its repo has no pull requests, and its server has not all of its commits. */
	canPush({ id, commitCount, headCommit, pushedCommit }: Session): boolean {
		const unavailable = this.of(id)?.state?.unavailable ?? null;
		return unavailable !== null && commitCount > 0 && pushedCommit !== headCommit;
	}

	/** What becomes of each is in its session. */
	async push(sessions: readonly Session[]): Promise<void> {
		for (const { id } of sessions) await new GitCommands(id).ask('push', {});
	}
}
