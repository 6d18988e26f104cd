/** What pages say of modes and efforts. */
import type { Effort, PermissionMode } from '@agent-manager/protocol/session.ts';

export const MODE_WORDS: Record<PermissionMode, { label: string; note: string }> = {
	full: { label: 'Full autonomy', note: 'Does everything inside its sandbox without asking.' },
	accept_edits: {
		label: 'Accept edits',
		note: 'Changes files of its worktree; asks before other commands.'
	},
	ask: { label: 'Ask before changes', note: 'Asks before each change and each command.' },
	plan: { label: 'Plan first', note: 'Reads only, then proposes a plan to approve.' }
};

export const EFFORT_WORDS: Record<Effort, string> = {
	low: 'low',
	medium: 'medium',
	high: 'high',
	xhigh: 'very high',
	max: 'maximum'
};
