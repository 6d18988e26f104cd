/** What a running session does, in words, and since when nothing of it has moved. Pure. */
import type { Activity } from '#lib/domain/transcript-blocks.ts';
import { cleanLine } from '#lib/domain/clean-text.ts';

const clock = (seconds: number): string =>
	seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m ${seconds % 60}s`;

const secondsSince = (since: string, nowMs: number): number =>
	Math.max(0, Math.floor((nowMs - Date.parse(since)) / 1000));

type Retry = Extract<Activity, { kind: 'retry' }>;

const retryWords = ({ attempt, maxRetries, delayMs, since, reason }: Retry, nowMs: number) => {
	const number = maxRetries === null ? `${attempt}` : `${attempt} of ${maxRetries}`;
	const leftMs = delayMs === null ? 0 : Date.parse(since) + delayMs - nowMs;
	const when = leftMs > 0 ? ` in ${Math.ceil(leftMs / 1000)}s` : ' now';
	return `${cleanLine(reason, 60)}: retry ${number}${when}`;
};

/** Such as `Thinking 12s` or `Overloaded: retry 2 of 10 in 4s`. */
export const activityWords = (activity: Activity, nowMs: number): string => {
	if (activity.kind === 'idle') return 'Working…';
	if (activity.kind === 'retry') return retryWords(activity, nowMs);
	const words = {
		thinking: 'Thinking',
		compacting: 'Summarising the conversation',
		working: 'Working',
		tool: `Running ${activity.kind === 'tool' ? cleanLine(activity.name, 60) : ''}`
	}[activity.kind];
	const seconds = secondsSince(activity.since, nowMs);
	return seconds > 0 ? `${words} ${clock(seconds)}` : `${words}…`;
};

/** A model that says nothing for so long, and a tool that does, are worth a word. */
const MODEL_STALLS_AFTER_MS = 45_000;
const TOOL_STALLS_AFTER_MS = 300_000;

/** Such as `nothing from the model for 1m 20s`; null while something moves, or waits on purpose. */
export const stallWords = (
	activity: Activity,
	movedAtMs: number | null,
	nowMs: number
): string | null => {
	if (movedAtMs === null || activity.kind === 'retry') return null;
	const ofTool = activity.kind === 'tool';
	const forMs = nowMs - movedAtMs;
	if (forMs < (ofTool ? TOOL_STALLS_AFTER_MS : MODEL_STALLS_AFTER_MS)) return null;
	const who = ofTool ? 'the tool' : 'the model';
	return `nothing from ${who} for ${clock(Math.floor(forMs / 1000))}`;
};

/** How long a turn has been going. */
export const turnWords = (startedAt: string | null, nowMs: number): string | null =>
	startedAt === null ? null : clock(secondsSince(startedAt, nowMs));
