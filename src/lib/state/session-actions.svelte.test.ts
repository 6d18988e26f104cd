import { expect, it, vi } from 'vitest';
import { sampleSession } from '../../../tests/support/sample-session.ts';
import type { CommandOutcome } from './connection.svelte.ts';
import { SessionActions, verbsFor } from './session-actions.svelte.ts';

const verbs = (over: Parameters<typeof sampleSession>[0]): string[] =>
	[...verbsFor(sampleSession(over))].sort();

it.each([
	[{ status: 'starting', waitingFor: null }, ['finish', 'purge', 'stop']],
	[{ status: 'running', waitingFor: null }, ['finish', 'interrupt', 'purge', 'stop']],
	[{ status: 'waiting', waitingFor: 'input' }, ['finish', 'interrupt', 'purge', 'sleep', 'stop']],
	[{ status: 'waiting', waitingFor: 'approval' }, ['finish', 'interrupt', 'purge', 'stop']],
	[
		{ status: 'waiting', waitingFor: 'input', asleep: true },
		['finish', 'interrupt', 'purge', 'resume', 'stop']
	],
	[
		{
			status: 'running',
			waitingFor: null,
			unresponsive: { since: '2026-11-23T08:00:00.000Z', silence: 'unanswered' }
		},
		['finish', 'interrupt', 'purge', 'resume', 'stop']
	],
	[{ status: 'running', waitingFor: null, ending: 'finish' }, ['interrupt', 'purge', 'stop']],
	[{ status: 'running', waitingFor: null, ending: 'stop' }, ['purge']],
	[{ status: 'stopped', waitingFor: null, ending: 'purge' }, []],
	[{ status: 'error', waitingFor: null }, ['archive', 'purge', 'resume', 'retry']],
	[{ status: 'stopped', waitingFor: null }, ['archive', 'purge', 'resume']],
	[{ status: 'finished', waitingFor: null }, ['archive', 'purge', 'resume']]
] as const)('offers what means something: %o', (over, expected) =>
	expect(verbs(over)).toEqual(expected)
);

it('sends one verb at a time', async () => {
	let settle: (outcome: CommandOutcome) => void = () => undefined;
	const send = vi.fn(() => new Promise<CommandOutcome>((resolve) => (settle = resolve)));
	const actions = new SessionActions(send);
	const first = actions.run('stop');
	expect(actions.busy).toBe('stop');
	expect(await actions.run('finish')).toBe(false);
	settle({ kind: 'ack', ack: { re: 'session.stop' } });
	expect(await first).toBe(true);
	expect(actions.busy).toBeNull();
	expect(send).toHaveBeenCalledTimes(1);
});

it('answers false to what was refused or nobody knows', async () => {
	for (const outcome of [
		{ kind: 'error', error: { code: 'session_not_live', message: 'It is stopped.' } },
		{ kind: 'unknown', sent: true }
	] as const) {
		expect(await new SessionActions(async () => outcome).run('stop')).toBe(false);
	}
});
