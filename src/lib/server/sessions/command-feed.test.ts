import { describe, expect, it } from 'vitest';
import { initialSessionState, type SessionState } from '#lib/domain/session-state.ts';
import type { NumberedCommand } from '#lib/server/db/sessions.ts';
import { CommandFeed } from './command-feed.ts';

const message = (num: number): NumberedCommand => ({
	num,
	command: { type: 'message', commandId: `m${num}`, text: 't' }
});
const finish = (num: number): NumberedCommand => ({
	num,
	command: { type: 'finish', commandId: `f${num}` }
});
const interrupt = (num: number): NumberedCommand => ({
	num,
	command: { type: 'interrupt', commandId: `i${num}` }
});

/** A database that answers when the test says so. */
const makeFeed = (
	lastTaken: number,
	state: Partial<SessionState> = {},
	{ knowsInterrupt = true } = {}
) => {
	const stored: NumberedCommand[] = [];
	const sent: string[] = [];
	const failures: unknown[] = [];
	const reads: (() => void)[] = [];
	const feed = new CommandFeed(lastTaken, {
		readAfter: async (after) => {
			const found = stored.filter(({ num }) => num > after);
			await new Promise<void>((resolve) => reads.push(resolve));
			return found;
		},
		state: () => Promise.resolve({ ...initialSessionState(), ...state }),
		send: ({ num, command }) => sent.push(`${num} ${command.type}`),
		knows: (type) => type !== 'interrupt' || knowsInterrupt,
		onFailure: (cause) => failures.push(cause)
	});
	const settle = async (): Promise<void> => {
		for (let i = 0; i < 20; i++) {
			reads.splice(0).forEach((resolve) => resolve());
			await Promise.resolve();
		}
	};
	return { feed, stored, sent, failures, settle };
};

describe('CommandFeed', () => {
	it('says what is configured now, not what was when nobody was there to hear it', async () => {
		const heard: unknown[] = [];
		const feed = new CommandFeed(0, {
			readAfter: (after) =>
				Promise.resolve(
					after > 0
						? []
						: [
								{
									num: 1,
									command: {
										...{ type: 'configure', commandId: 'c1' },
										...{ permissionMode: 'plan', model: 'opus', effort: null }
									}
								}
							]
				),
			state: () => Promise.resolve({ ...initialSessionState(), permissionMode: 'ask' }),
			send: ({ command }) => heard.push(command),
			knows: () => true,
			onFailure: (cause) => heard.push(cause)
		});
		feed.catchUp();
		await expect.poll(() => heard).toHaveLength(1);
		expect(heard[0]).toMatchObject({ permissionMode: 'ask', model: null });
	});

	it('sends what continues the stream at once', () => {
		const { feed, sent } = makeFeed(3);
		feed.deliver([message(4), message(5)]);
		feed.deliver([message(6)]);
		expect(sent).toEqual(['4 message', '5 message', '6 message']);
	});

	it('tells an older runner nothing that it does not know, and keeps the numbers', async () => {
		const made = makeFeed(0, { openTurn: 't' }, { knowsInterrupt: false });
		made.stored.push(interrupt(1), message(2));
		made.feed.catchUp();
		await made.settle();
		made.feed.deliver([interrupt(3), message(4)]);
		expect(made.sent).toEqual(['1 decide', '2 message', '3 decide', '4 message']);
	});

	it('lets no new command overtake older ones that are still being read', async () => {
		const { feed, stored, sent, settle } = makeFeed(0);
		stored.push(message(1));
		feed.catchUp();
		stored.push(message(2));
		feed.deliver([message(2)]);
		expect(sent).toEqual([]);
		await settle();
		expect(sent).toEqual(['1 message', '2 message']);
		feed.deliver([message(3)]);
		expect(sent.at(-1)).toBe('3 message');
	});

	it('reads what is missing when something does not continue the stream', async () => {
		const { feed, stored, sent, settle } = makeFeed(0);
		stored.push(message(1), message(2));
		feed.deliver([message(2)]);
		await settle();
		expect(sent).toEqual(['1 message', '2 message']);
	});

	it('sends an answer to nothing in the place of what is void by now', async () => {
		const { feed, stored, sent, settle } = makeFeed(0, { desired: 'live', openTurn: null });
		stored.push(message(1), finish(2), interrupt(3), message(4));
		feed.catchUp();
		await settle();
		expect(sent).toEqual(['1 message', '2 decide', '3 decide', '4 message']);
	});

	it('keeps a finish that is wanted and an interrupt of the open turn', async () => {
		const { feed, stored, sent, settle } = makeFeed(0, { desired: 'finished', openTurn: 'm1' });
		stored.push(interrupt(1), finish(2));
		feed.catchUp();
		await settle();
		expect(sent).toEqual(['1 interrupt', '2 finish']);
	});

	it('says when commands can’t be read', async () => {
		const failures: unknown[] = [];
		const feed = new CommandFeed(0, {
			readAfter: () => Promise.reject(new Error('away')),
			state: () => Promise.resolve(null),
			send: () => undefined,
			knows: () => true,
			onFailure: (cause) => failures.push(cause)
		});
		feed.catchUp();
		await new Promise((resolve) => setImmediate(resolve));
		expect(failures).toHaveLength(1);
	});
});
