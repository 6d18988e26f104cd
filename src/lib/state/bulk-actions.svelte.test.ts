import { toast } from 'svelte-sonner';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Session } from '@agent-manager/protocol/session.ts';
import { sampleSession } from '../../../tests/support/sample-session.ts';
import { BulkActions, PURGE_DELAY_MS } from './bulk-actions.svelte.ts';
import type { CommandOutcome } from './connection.svelte.ts';

vi.mock('svelte-sonner', () => ({
	toast: Object.assign(vi.fn(), { error: vi.fn(), dismiss: vi.fn() })
}));

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
	vi.useRealTimers();
	vi.clearAllMocks();
});

const session = (id: string, over: Partial<Session> = {}): Session =>
	sampleSession({
		id: id as never,
		title: `Title ${id}`,
		status: 'stopped',
		waitingFor: null,
		...over
	});

/** Every session but those named takes the command. */
const make = (refusing: string[] = []) => {
	const sent: string[] = [];
	const actions = new BulkActions(async (id, verb): Promise<CommandOutcome> => {
		sent.push(`${verb} ${id}`);
		return refusing.includes(id)
			? { kind: 'error', error: { code: 'session_live', message: 'It is live.' } }
			: { kind: 'ack', ack: { re: `session.${verb}` } };
	});
	return { actions, sent };
};

const lastToast = () => vi.mocked(toast).mock.calls.at(-1) ?? [];
const undo = (): void => {
	const { action } = (lastToast()[1] ?? {}) as { action?: { onClick: () => void } };
	if (!action) throw new Error('there is nothing to undo');
	action.onClick();
};

it('asks each session that it means something for, and offers to take back what was done', async () => {
	const { actions, sent } = make();
	await actions.run('archive', [session('a'), session('b'), session('c', { status: 'running' })]);
	expect(sent).toEqual(['archive a', 'archive b']);
	expect(lastToast()[0]).toBe('Archived: 2 sessions');
	undo();
	await vi.runAllTimersAsync();
	expect(sent.slice(2)).toEqual(['unarchive a', 'unarchive b']);
});

it('tells who refused by name, goes on with the rest, and takes back only what was done', async () => {
	const { actions, sent } = make(['b']);
	await actions.run('pin', [session('a'), session('b'), session('c')]);
	expect(sent).toHaveLength(3);
	expect(lastToast()[0]).toBe('Pinned: 2 sessions');
	expect(toast.error).toHaveBeenCalledWith('1 session refused', {
		description: 'Title b: It is live.'
	});
	undo();
	await vi.runAllTimersAsync();
	expect(sent.slice(3)).toEqual(['unpin a', 'unpin c']);
});

it('purges only when the time to take it back is over', async () => {
	const { actions, sent } = make();
	await actions.run('purge', [session('a')]);
	await vi.advanceTimersByTimeAsync(PURGE_DELAY_MS - 1);
	expect([sent, actions.leaving.has('a')]).toEqual([[], true]);
	await vi.advanceTimersByTimeAsync(1);
	expect([sent, actions.leaving.has('a')]).toEqual([['purge a'], false]);
});

it('purges nothing that was taken back', async () => {
	const { actions, sent } = make();
	await actions.run('purge', [session('a')]);
	undo();
	await vi.runAllTimersAsync();
	expect([sent, actions.leaving.has('a')]).toEqual([[], false]);
});

it('purges nothing when the page is left before', async () => {
	const { actions, sent } = make();
	await actions.run('purge', [session('a')]);
	expect(lastToast()[1]).toMatchObject({
		description: expect.stringContaining('Nothing happens if you leave this page before.')
	});
	actions.dispose();
	await vi.runAllTimersAsync();
	expect(sent).toEqual([]);
	expect(toast.dismiss).toHaveBeenCalledOnce();
	expect(lastToast()[0]).toBe('Nothing was purged: you left the page before.');
});
