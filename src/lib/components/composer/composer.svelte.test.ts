import { beforeEach, describe, expect, it, vi } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { render } from 'vitest-browser-svelte';
import { sampleSession } from '../../../../tests/support/sample-session.ts';
import Composer from './composer.svelte';

const onSend = vi.fn<(text: string, steer: boolean, along: unknown[]) => Promise<void>>();
const onInterrupt = vi.fn();

const props = (
	status: 'running' | 'waiting' | 'stopped',
	disabledReason: string | null = null
) => ({
	session: sampleSession({ status, waitingFor: status === 'waiting' ? 'input' : null }),
	onSend,
	onInterrupt,
	disabledReason,
	draftKey: 'one'
});
const field = () => page.getByRole('textbox');
const value = (): string => (field().element() as HTMLTextAreaElement).value;

beforeEach(() => {
	localStorage.clear();
	onSend.mockReset().mockResolvedValue();
	onInterrupt.mockReset();
});

describe('the composer', () => {
	it('sends with Enter and breaks the line with Shift and Enter', async () => {
		await render(Composer, props('waiting'));
		await userEvent.click(field());
		await userEvent.keyboard('one{Shift>}{Enter}{/Shift}two');
		expect(onSend).not.toHaveBeenCalled();
		await userEvent.keyboard('{Enter}');
		expect(onSend.mock.calls).toEqual([['one\ntwo', false, []]]);
		expect(value()).toBe('');
	});

	it('offers the agent’s commands after a slash: arrows choose, Enter takes, Enter again sends', async () => {
		const commands = ['compact', 'context'].map((name) => ({
			...{ name, description: `does ${name}`, argumentHint: '' }
		}));
		await render(Composer, { ...props('waiting'), commands });
		await userEvent.click(field());
		await userEvent.keyboard('/c');
		await expect.element(page.getByRole('listbox')).toBeVisible();
		await userEvent.keyboard('{ArrowDown}{Enter}');
		expect(value()).toBe('/context ');
		expect(onSend).not.toHaveBeenCalled();
		await userEvent.keyboard('{Enter}');
		expect(onSend.mock.calls).toEqual([['/context ', false, []]]);
		await userEvent.keyboard('/co{Escape}');
		expect(page.getByRole('listbox').elements()).toHaveLength(0);
		expect(value()).toBe('/co');
	});

	it('brings the last message back with ArrowUp, and only into an empty box', async () => {
		await render(Composer, { ...props('waiting'), lastSaid: () => 'said before' });
		await userEvent.click(field());
		await userEvent.keyboard('{ArrowUp}');
		expect(value()).toBe('said before');
		await userEvent.fill(field(), 'other');
		await userEvent.keyboard('{ArrowUp}');
		expect(value()).toBe('other');
	});

	it('sends nothing that is blank', async () => {
		await render(Composer, props('waiting'));
		await userEvent.click(field());
		await userEvent.keyboard('  {Enter}');
		expect(onSend).not.toHaveBeenCalled();
	});

	it('leaves Enter to an input method that is at work', async () => {
		await render(Composer, props('waiting'));
		await userEvent.fill(field(), 'にほん');
		const press = (init: KeyboardEventInit) =>
			field()
				.element()
				.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, ...init }));
		press({ isComposing: true });
		press({ keyCode: 229 });
		expect(onSend).not.toHaveBeenCalled();
	});

	it('gives the words back when sending failed', async () => {
		onSend.mockRejectedValue(new Error('refused'));
		await render(Composer, props('waiting'));
		await userEvent.fill(field(), 'Precious');
		await userEvent.keyboard('{Enter}');
		await expect.poll(value).toBe('Precious');
	});

	it('keeps a draft for each session', async () => {
		const { rerender, unmount } = await render(Composer, props('waiting'));
		await userEvent.fill(field(), 'Begun');
		await rerender({ draftKey: 'two' });
		expect(value()).toBe('');
		await rerender({ draftKey: 'one' });
		expect(value()).toBe('Begun');
		await unmount();
		await render(Composer, props('waiting'));
		expect(value()).toBe('Begun');
		await userEvent.click(field());
		await userEvent.keyboard('{Enter}');
		expect(localStorage.getItem('draft:one')).toBeNull();
	});

	it('queues, steers and interrupts while a turn runs, by keys and buttons, interrupting once', async () => {
		await render(Composer, props('running'));
		await userEvent.fill(field(), 'Next');
		await userEvent.keyboard('{Enter}');
		await userEvent.fill(field(), 'Now');
		await userEvent.keyboard('{Control>}{Enter}{/Control}');
		await userEvent.fill(field(), 'Next too');
		await userEvent.click(page.getByRole('button', { name: 'Queue' }));
		await userEvent.fill(field(), 'Now too');
		await userEvent.click(page.getByRole('button', { name: 'Steer' }));
		expect(onSend.mock.calls).toEqual([
			['Next', false, []],
			['Now', true, []],
			['Next too', false, []],
			['Now too', true, []]
		]);
		await userEvent.click(field());
		await userEvent.keyboard('{Escape}{Escape}');
		expect(onInterrupt).toHaveBeenCalledTimes(1);
	});

	it('stops with Esc from the page, not from another field', async () => {
		await render(Composer, props('running'));
		const other = document.body.appendChild(document.createElement('input'));
		other.focus();
		await userEvent.keyboard('{Escape}');
		expect(onInterrupt).not.toHaveBeenCalled();
		other.remove();
		await userEvent.keyboard('{Escape}');
		expect(onInterrupt).toHaveBeenCalledTimes(1);
	});

	it('says why nothing can be sent, and keeps what is written', async () => {
		await render(Composer, props('stopped', 'This session is stopped. Resume it.'));
		await userEvent.fill(field(), 'Later');
		await userEvent.keyboard('{Enter}');
		expect(onSend).not.toHaveBeenCalled();
		await expect.element(page.getByRole('status')).toHaveTextContent('Resume it');
		expect(value()).toBe('Later');
	});
});
