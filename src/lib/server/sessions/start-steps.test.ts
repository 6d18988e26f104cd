import { describe, expect, it } from 'vitest';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok } from '#lib/domain/result.ts';
import type { ManagerEvent } from '#lib/domain/session-decisions.ts';
import { initialSessionState, type SessionState } from '#lib/domain/session-state.ts';
import type { SessionLog } from './session-log.ts';
import { StartSteps } from './start-steps.ts';

const makeSteps = (epochNow = 1) => {
	const recorded: string[] = [];
	const abort = new AbortController();
	const state: SessionState = { ...initialSessionState(), epoch: epochNow };
	const log = {
		record: async (_id: SessionId, draft: (state: SessionState) => readonly ManagerEvent[]) => {
			await Promise.resolve();
			for (const { type, payload } of draft(state)) {
				recorded.push('step' in payload ? `${type} ${payload.step}` : type);
			}
			return null;
		}
	} as unknown as SessionLog;
	return { recorded, abort, steps: new StartSteps(log, 's' as SessionId, 1, abort.signal) };
};
const broken = wireError('disk_full', 'The disk is full.');

describe('StartSteps', () => {
	it('tells each step’s beginning, words and end, in order', async () => {
		const { recorded, steps } = makeSteps();
		steps.skip('mirror');
		await steps.run('worktree', (say) => {
			say('a line');
			return Promise.resolve(ok());
		});
		expect(await steps.run('image', () => Promise.resolve(fail(broken)))).toEqual(fail(broken));
		await steps.written();
		expect(recorded).toEqual([
			'step.finished mirror',
			'step.started worktree',
			'step.logged worktree',
			'step.finished worktree',
			'step.started image',
			'step.failed image'
		]);
	});

	it('tells nothing of a start that a newer one has overtaken', async () => {
		const { recorded, steps } = makeSteps(2);
		await steps.run('mirror', () => Promise.resolve(ok()));
		await steps.written();
		expect(recorded).toEqual([]);
	});

	it('calls no step failed that was broken off', async () => {
		const { recorded, abort, steps } = makeSteps();
		await steps.run('sandbox', () => {
			abort.abort();
			return Promise.resolve(fail(broken));
		});
		await steps.written();
		expect(recorded).toEqual(['step.started sandbox']);
	});
});
