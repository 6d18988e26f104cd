/**
 * The one table of why sandboxes end and how runners fall silent: which words stand for each, and what a
 * person can do. The log, the API and the page all speak from it.
 */
import type { ExitCause, Silence } from '@agent-manager/protocol/session.ts';
import type { SessionState } from './session-state.ts';

interface Words {
	title: string;
	hint: string;
}

const RESUME = 'Resume the session: a fresh sandbox goes on, conversation and files are kept.';

export const EXIT_CAUSE_WORDS: Record<ExitCause, Words> = {
	exited: { title: 'The runner ended by itself', hint: RESUME },
	agent: { title: 'Claude Code ended unexpectedly', hint: RESUME },
	runner: { title: 'The runner was killed', hint: RESUME },
	killed: { title: 'The sandbox was killed from outside', hint: RESUME },
	oom: {
		title: 'The sandbox ran out of memory',
		hint: `${RESUME} If it happens again, raise SANDBOX_MEMORY_MB.`
	},
	removed: { title: 'The sandbox was removed from outside', hint: RESUME },
	engine: {
		title: 'The Docker engine stopped and took the sandbox along',
		hint: 'Start the Docker engine, then resume the session: conversation and files are kept.'
	},
	host: { title: 'The machine was restarted', hint: RESUME },
	lost: { title: 'The sandbox was found gone', hint: RESUME }
};

const RESTART =
	'Wait for it, or restart the sandbox: a fresh one goes on, conversation and files are kept.';

export const SILENCE_WORDS: Record<Silence, Words> = {
	unanswered: { title: 'The sandbox does not answer', hint: RESTART },
	disconnected: { title: 'The sandbox has no connection to the app', hint: RESTART },
	paused: {
		title: 'The sandbox is paused',
		hint: `Somebody has halted it; what it was asked waits. ${RESTART}`
	},
	engine: {
		title: 'The Docker engine has stopped, and the sandbox does not answer',
		hint: 'Start the Docker engine: then the session goes on, or can be resumed with its conversation.'
	},
	agent: { title: 'Claude Code does not answer', hint: RESTART }
};

/**
 * A driver sees a runner that ended; what that runner said last tells why: it goes when its agent has
 * gone, and when it is told to from outside.
 */
export const exitCauseOf = (
	seen: ExitCause,
	{ runnerEnd }: Pick<SessionState, 'runnerEnd'>
): ExitCause => {
	if (runnerEnd?.reason === 'agent_exited' && (seen === 'exited' || seen === 'engine')) {
		return 'agent';
	}
	return runnerEnd?.reason === 'stop' && seen === 'exited' ? 'killed' : seen;
};
