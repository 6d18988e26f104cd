import pino from 'pino';
import { describe, expect, it } from 'vitest';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { initialSessionState, type SessionState } from '#lib/domain/session-state.ts';
import { createIdleWatch } from './idle-watch.ts';
import type { RunnerConnection } from './runner-connection.ts';
import type { SessionLog } from './session-log.ts';
import { SessionRuntime } from './session-runtime.ts';
import type { SessionCell } from './session-view.ts';

type Answer = { turnOpen: boolean; openTools: number } | 'none' | 'silent';

/** What one look after `silentSeconds` records. */
const look = async (
	change: Partial<SessionState>,
	silentSeconds: number,
	answer: Answer = { turnOpen: false, openTools: 0 },
	sleepAfterSeconds = 1_800
): Promise<string[]> => {
	const state: SessionState = { ...initialSessionState(), ...change };
	const recorded: string[] = [];
	const log = {
		record: (_id: SessionId, draft: (state: SessionState) => readonly { type: string }[]) => {
			recorded.push(...draft(state).map(({ type }) => type));
			return Promise.resolve(null);
		}
	} as unknown as SessionLog;
	const watch = createIdleWatch({
		log,
		logger: pino({ level: 'silent' }),
		nowMs: () => silentSeconds * 1_000,
		newId: () => 'probe',
		idleTimeoutSeconds: 30,
		sleepAfterSeconds
	});
	const runtime = new SessionRuntime('s' as SessionId);
	if (answer !== 'none') {
		runtime.connection = {
			probe: () =>
				answer === 'silent' ? Promise.reject(new Error('silent')) : Promise.resolve(answer)
		} as unknown as RunnerConnection;
	}
	await watch.look({ id: 's', state } as unknown as SessionCell, runtime);
	return recorded;
};

const queued = (handedOver: boolean) =>
	({ commandId: 'm2', from: 'person', seq: 1, handedOver }) as const;
const running = { status: 'running', openTurn: 'm1' } as const;
const waiting = { status: 'waiting', waitingFor: 'input', runnerUp: true } as const;

describe('a look at a session', () => {
	const cases: [string, Parameters<typeof look>, string[]][] = [
		['running, silent, its runner idle', [running, 31], ['session.idled']],
		['running, not silent for long', [running, 29], []],
		['running, its turn open', [running, 31, { turnOpen: true, openTools: 0 }], []],
		['running, a tool at work there', [running, 31, { turnOpen: false, openTools: 1 }], []],
		[
			'running, a tool at work by the log',
			[{ ...running, openTools: [{ id: 't', name: 'Bash' }] }, 31],
			[]
		],
		['running, its runner silent', [running, 31, 'silent'], []],
		['running, no runner connected', [running, 31, 'none'], []],
		['running, a message on its way to it', [{ ...running, queued: [queued(true)] }, 31], []],
		[
			'running, a message kept back',
			[{ ...running, queued: [queued(false)] }, 31],
			['session.idled']
		],
		['starting', [{ status: 'starting' }, 9_999], []],
		['waiting for long', [waiting, 1_800], ['session.slept']],
		['waiting, not for long', [waiting, 1_799], []],
		['waiting, never to sleep', [waiting, 99_999, 'none', 0], []],
		['waiting for an approval', [{ ...waiting, waitingFor: 'approval' }, 9_999], []],
		['asleep already', [{ ...waiting, asleep: true }, 9_999], []],
		['waiting, a stop on its way', [{ ...waiting, ending: 'stop' }, 9_999], []],
		['stopped', [{ status: 'stopped' }, 9_999], []]
	];
	it.each(cases)('%s', async (_name, args, expected) => {
		expect(await look(...args)).toEqual(expected);
	});
});
