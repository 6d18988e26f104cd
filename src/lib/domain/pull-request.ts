/** What GitHub says of a pull request, folded into what a page shows; and what an agent is told of it. */
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type {
	CheckState,
	PullCheck,
	PullRequest,
	PullThread
} from '@agent-manager/protocol/github.ts';
import { objectAt, type Loose } from './loose-json.ts';

/** The newest word counts; a comment after an approval takes nothing back. */
export const foldReviews = (
	reviews: readonly { user: string; state: string }[]
): PullRequest['review'] => {
	const verdicts = new Map<string, string>();
	let commented = false;
	for (const { user, state } of reviews) {
		if (state === 'APPROVED' || state === 'CHANGES_REQUESTED') verdicts.set(user, state);
		else if (state === 'DISMISSED') verdicts.delete(user);
		else if (state === 'COMMENTED') commented = true;
	}
	const states = [...verdicts.values()];
	if (states.includes('CHANGES_REQUESTED')) return 'changes_requested';
	if (states.length > 0) return 'approved';
	return commented ? 'commented' : null;
};

/** One that failed outweighs one that runs; null without any. */
export const foldChecks = (checks: readonly PullCheck[]): CheckState | null => {
	const states = new Set(checks.map(({ state }) => state));
	const order: CheckState[] = ['failure', 'pending', 'success', 'neutral'];
	return order.find((state) => states.has(state)) ?? null;
};

/** How a check run stands, in GitHub's words. */
export const checkRunState = (status: string, conclusion: string | null): CheckState => {
	if (status !== 'completed') return 'pending';
	if (conclusion === 'success') return 'success';
	return conclusion === 'neutral' || conclusion === 'skipped' || conclusion === 'stale'
		? 'neutral'
		: 'failure';
};

export const commitStatusState = (state: string): CheckState =>
	state === 'success' ? 'success' : state === 'pending' ? 'pending' : 'failure';

const MINUTE = 60_000;

/** When GitHub is asked again by itself; Infinity: only when somebody looks. */
export const nextLookMs = (pull: PullRequest | null): number => {
	if (pull === null) return 30 * MINUTE;
	if (pull.state === 'merged' || pull.state === 'closed') return Infinity;
	return pull.checkState === 'pending' ? 2 * MINUTE : 30 * MINUTE;
};

const FENCE = '````';
const LOG_MAX = 12_000;

/** The end of a log says why it failed. */
const tailOf = (log: string): string =>
	log.length > LOG_MAX ? `[…]\n${log.slice(-LOG_MAX)}` : log;

/**
 * What others wrote is quoted and named as theirs. A fence in it is longer than any that could end it.
 */
const quoted = (text: string): string => {
	const longest = Math.max(3, ...[...text.matchAll(/`{3,}/g)].map(([run]) => run.length));
	const fence = longest < FENCE.length ? FENCE : '`'.repeat(longest + 1);
	return `${fence}\n${text.trim()}\n${fence}`;
};

export const checkMessage = (pull: PullRequest, check: PullCheck, log: string): string =>
	[
		`The check “${check.name}” of pull request #${pull.number} fails. Find out why, and fix it.`,
		log.trim() === ''
			? 'GitHub has no log of it.'
			: `The end of its log:\n\n${quoted(tailOf(log))}`,
		...(check.url === null ? [] : [`It is at ${check.url}`])
	].join('\n\n');

export const threadMessage = (
	pull: PullRequest,
	thread: PullThread,
	comments: readonly { author: string; body: string }[]
): string => {
	const place = thread.line === null ? thread.path : `${thread.path}, line ${thread.line}`;
	const said = comments.map(({ author, body }) => `${author} wrote:\n\n${quoted(tailOf(body))}`);
	return [
		`A review of pull request #${pull.number} says this of \`${place}\`. Do what it asks for, or say why not.`,
		...said
	].join('\n\n');
};

/** The last that the agent itself said: what a pull request's text begins with. */
export const lastMessageOf = (events: readonly SessionEvent[]): string => {
	const said = events.findLast(({ type, payload }) => {
		const isOwn = (payload.parent_tool_use_id ?? null) === null;
		return type === 'claude.assistant' && isOwn && textOf(payload) !== '';
	});
	return said ? textOf(said.payload) : '';
};

const textOf = (payload: Loose): string => {
	const content = objectAt(payload, 'message')?.content;
	const blocks = Array.isArray(content) ? (content as Loose[]) : [];
	return blocks
		.map((block) => (block?.type === 'text' && typeof block.text === 'string' ? block.text : ''))
		.join('\n')
		.trim();
};
