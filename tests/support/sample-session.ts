/** Rows as the server sends them, for tests of what shows them. */
import type { Repo } from '@agent-manager/protocol/repo.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';

export const SESSION_ID = '0b54ad6e-7cfb-4a3a-9d6a-0f6f5b2b7a01';
export const REPO_ID = '6f1f0c1e-33f2-4d0e-8f57-2a1d4a6d9b02';

export const sampleSession = (over: Partial<Session> = {}): Session => ({
	id: SESSION_ID as Session['id'],
	repoId: REPO_ID as Session['repoId'],
	role: 'implementer',
	startedBy: null,
	title: 'Fix the login form',
	pinnedAt: null,
	archivedAt: null,
	goalPrompt: 'Fix the login form',
	additionalInstructions: null,
	status: 'waiting',
	queuePosition: null,
	waitingFor: 'input',
	activity: null,
	asleep: false,
	ending: null,
	branchName: 'agent/fix-the-login-form-3f2a',
	baseBranch: 'main',
	baseCommit: null,
	headCommit: null,
	commitCount: 0,
	pushedCommit: null,
	gitAction: null,
	setAside: [],
	rewound: null,
	model: null,
	effort: null,
	permissionMode: 'full',
	offersSeq: null,
	driver: 'bubblewrap',
	limited: true,
	steps: [],
	pending: [],
	rules: [],
	queued: [],
	wait: null,
	error: null,
	exitCause: null,
	unresponsive: null,
	heldUp: false,
	endingProblem: null,
	turns: 1,
	usage: {
		inputTokens: 0,
		outputTokens: 0,
		cacheReadTokens: 0,
		cacheWriteTokens: 0,
		costUsd: 0
	},
	head: 0,
	createdAt: '2026-11-23T08:00:00.000Z',
	updatedAt: '2026-11-23T08:00:00.000Z',
	...over
});

export const sampleRepo = (over: Partial<Repo> = {}): Repo => ({
	id: REPO_ID as Repo['id'],
	kind: 'github',
	owner: 'acme',
	name: 'web',
	url: 'https://github.com/acme/web.git',
	webUrl: 'https://github.com/acme/web',
	defaultBranch: 'main',
	status: 'ready',
	progress: null,
	error: null,
	branches: ['main', 'develop'],
	fetchedAt: '2026-11-23T08:00:00.000Z',
	createdAt: '2026-11-23T08:00:00.000Z',
	counts: { starting: 0, running: 0, waiting: 0, error: 0, total: 0, archived: 0 },
	rules: [],
	...over
});

export const sampleEvent = (seq: number, over: Partial<SessionEvent> = {}): SessionEvent => ({
	seq,
	ts: '2026-11-23T08:00:00.000Z',
	source: 'manager',
	type: 'session.settled',
	payload: {},
	...over
});

export const sampleEvents = (first: number, last: number): SessionEvent[] =>
	Array.from({ length: last - first + 1 }, (_, index) => sampleEvent(first + index));
