/** What the agent does right now, in a word: from the open turn, its open calls and what streams. */
import type { PartialMessage } from '@agent-manager/protocol/delta.ts';
import type { Activity } from './transcript-blocks.ts';
import { blockAt, type TranscriptState } from './transcript-state.ts';

/** The call that was begun last among those without a result. */
const newestOpenTool = (state: TranscriptState): Activity | null => {
	let newest: Activity | null = null;
	for (const key of state.openTools) {
		const block = blockAt(state, key);
		if (block?.kind !== 'tool' || block.ts === null || block.approval === 'pending') continue;
		newest = { kind: 'tool', name: block.name ?? 'tool', since: block.ts };
	}
	return newest;
};

export const activityOf = (state: TranscriptState, partials: PartialMessage[]): Activity => {
	const since = state.lastAgentWordAt ?? state.turn?.startedAt;
	const retry = state.retryKey === null ? null : blockAt(state, state.retryKey);
	if (retry?.kind === 'retry' && retry.ts !== null) {
		const { attempt, maxRetries, reason, delayMs } = retry;
		return { kind: 'retry', attempt, maxRetries, reason, delayMs, since: retry.ts };
	}
	if (state.compactingSince !== null) return { kind: 'compacting', since: state.compactingSince };
	const tool = newestOpenTool(state);
	if (tool) return tool;
	if (!state.turn || since === undefined) return { kind: 'idle' };
	const latest = partials.at(-1)?.blocks.at(-1);
	return { kind: latest?.kind === 'thinking' ? 'thinking' : 'working', since };
};
