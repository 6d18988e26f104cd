import { expect, it, vi } from 'vitest';
import { render } from 'vitest-browser-svelte';
import type { StartStep } from '@agent-manager/protocol/session.ts';
import { SessionActions } from '#lib/state/session-actions.svelte.ts';
import { sampleSession } from '../../../../tests/support/sample-session.ts';
import StartSteps from './start-steps.svelte';

const step = (over: Partial<StartStep>): StartStep => ({
	name: 'mirror',
	status: 'done',
	startedAt: null,
	durationMs: 120,
	log: [],
	...over
});

it('opens the log of the step that failed, says why, and retries', async () => {
	const send = vi.fn().mockResolvedValue({ kind: 'ack', ack: { re: 'session.retry' } });
	const screen = await render(StartSteps, {
		session: sampleSession({
			status: 'error',
			waitingFor: null,
			steps: [
				step({ log: ['Fetching'] }),
				step({ name: 'sandbox', status: 'failed', durationMs: 3_100, log: ['Not permitted'] }),
				step({ name: 'agent', status: 'pending', durationMs: null })
			],
			error: {
				code: 'sandbox_start_failed',
				message: 'The sandbox could not start.',
				hint: 'Run `npm run doctor`.'
			}
		}),
		actions: new SessionActions(send)
	});
	await expect.element(screen.getByText('Not permitted')).toBeVisible();
	expect(screen.getByText('Fetching').query()).toBeNull();
	await expect.element(screen.getByText('3.1 s')).toBeVisible();
	await expect.element(screen.getByText('The sandbox could not start.')).toBeVisible();
	await expect.element(screen.getByText('npm run doctor', { exact: true })).toBeVisible();
	await screen.getByRole('button', { name: /Fetch the base branch/ }).click();
	await expect.element(screen.getByText('Fetching')).toBeVisible();
	await screen.getByRole('button', { name: 'Retry' }).click();
	expect(send).toHaveBeenCalledWith('retry');
});
