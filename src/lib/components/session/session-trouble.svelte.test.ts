import { expect, it, vi } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { EXIT_CAUSE_WORDS } from '#lib/domain/exit-causes.ts';
import { SessionActions } from '#lib/state/session-actions.svelte.ts';
import { sampleSession } from '../../../../tests/support/sample-session.ts';
import SessionTrouble from './session-trouble.svelte';

const acked = () => vi.fn().mockResolvedValue({ kind: 'ack', ack: { re: 'session.resume' } });

it('offers a fresh sandbox for one that died', async () => {
	const send = acked();
	const { title, hint } = EXIT_CAUSE_WORDS.oom;
	const screen = await render(SessionTrouble, {
		session: sampleSession({
			status: 'error',
			waitingFor: null,
			exitCause: 'oom',
			error: { code: 'sandbox_died', message: `${title}.`, hint }
		}),
		actions: new SessionActions(send)
	});
	await expect.element(screen.getByText(`${title}.`)).toBeVisible();
	await screen.getByRole('button', { name: 'Resume in a fresh sandbox' }).click();
	expect(send).toHaveBeenCalledWith('resume');
});

it('lets a person wait for one that does not answer, or restart it; asks again for the next silence', async () => {
	const send = acked();
	const silent = (since: string) =>
		sampleSession({
			status: 'running',
			waitingFor: null,
			unresponsive: { since, silence: 'unanswered' }
		});
	const props = {
		session: silent('2026-11-23T08:00:00.000Z'),
		actions: new SessionActions(send)
	};
	const screen = await render(SessionTrouble, props);
	const restart = screen.getByRole('button', { name: 'Restart the sandbox' });
	await screen.getByRole('button', { name: 'Wait' }).click();
	expect(restart.query()).toBeNull();
	await screen.rerender({ ...props, session: silent('2026-11-23T09:00:00.000Z') });
	await restart.click();
	expect(send).toHaveBeenCalledWith('resume');
	await screen.rerender({ ...props, session: sampleSession() });
	expect(restart.query()).toBeNull();
});

it('says that the agent waits because its words can’t be stored, and no more when they can', async () => {
	const actions = new SessionActions(acked());
	const held = (heldUp: boolean) => sampleSession({ status: 'running', waitingFor: null, heldUp });
	const screen = await render(SessionTrouble, { session: held(true), actions });
	await expect.element(screen.getByText(/The agent waits/)).toBeVisible();
	await screen.rerender({ session: held(false) });
	await expect.element(screen.getByText(/The agent waits/)).not.toBeInTheDocument();
});

it('says what an end waits for, and that it is tried again', async () => {
	const session = sampleSession({
		...{ status: 'stopped', waitingFor: null, ending: 'purge' },
		endingProblem: { code: 'engine_unreachable', message: 'The engine is away.' }
	});
	const screen = await render(SessionTrouble, { session, actions: new SessionActions(acked()) });
	await expect.element(screen.getByText('The engine is away.')).toBeVisible();
	await expect.element(screen.getByText(/is purging, which is tried again/)).toBeVisible();
});
