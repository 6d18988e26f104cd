import { describe, expect, it } from 'vitest';
import type { PartialMessage } from '@agent-manager/protocol/delta.ts';
import { transcriptHash } from '#lib/domain/canonical-json.ts';
import type { Block } from '#lib/domain/transcript-blocks.ts';
import { LogWriter, writeStory } from '../../../tests/support/transcript-events.ts';
import { TranscriptController } from './transcript-controller.svelte.ts';

const story = writeStory();

/** Idle tasks run when the test says so. */
const makeController = (): { controller: TranscriptController; runIdle: () => void } => {
	const tasks: (() => void)[] = [];
	const controller = new TranscriptController((task) => {
		tasks.push(task);
		return () => tasks.splice(tasks.indexOf(task), 1);
	});
	const runIdle = (): void => {
		for (let task = tasks.shift(); task; task = tasks.shift()) task();
	};
	return { controller, runIdle };
};

const whole = (): Block[] => {
	const { controller } = makeController();
	controller.reset(story, []);
	return controller.blocks;
};

let seed = 7;
const below = (limit: number): number => {
	seed = (seed * 48_271) % 2_147_483_647;
	return seed % limit;
};

describe('a window that is filled in pieces', () => {
	it('gives the same blocks for any split into pages, older and newer', () => {
		const expected = whole();
		for (let round = 0; round < 150; round++) {
			const { controller } = makeController();
			let first = below(story.length);
			let end = Math.min(story.length, first + 1 + below(10));
			controller.reset(story.slice(first, end), []);
			while (first > 0 || end < story.length) {
				if (below(2) === 0 && first > 0) {
					const start = Math.max(0, first - 1 - below(12));
					controller.prepend(story.slice(start, first));
					first = start;
				} else if (end < story.length) {
					const next = Math.min(story.length, end + 1 + below(12));
					controller.append(story.slice(end, next));
					end = next;
				}
			}
			expect(controller.blocks).toEqual(expected);
		}
	});

	it('follows a window that grows, is filled at its old end, is cut there, or is another one', () => {
		const { controller } = makeController();
		const shows = (from: number, to: number): void => {
			controller.sync(story.slice(from, to), []);
			const fresh = makeController().controller;
			fresh.reset(story.slice(from, to), []);
			expect(controller.blocks).toEqual(fresh.blocks);
		};
		shows(20, 30);
		shows(20, 40);
		expect(controller.startChanges).toBe(0);
		shows(8, 44);
		expect(controller.startChanges).toBe(1);
		shows(0, story.length);
		shows(15, story.length);
		expect(controller.startChanges).toBe(3);
		shows(2, 9);
		shows(0, 0);
		shows(0, 5);
	});

	it('keeps the block of what did not change', () => {
		const { controller } = makeController();
		controller.sync(story.slice(0, 30), []);
		const before = controller.blocks;
		controller.sync(story.slice(0, 31), []);
		expect(controller.blocks.slice(0, 4).every((block, index) => block === before[index])).toBe(
			true
		);
	});

	it('has the hash of exactly its events', () => {
		const { controller, runIdle } = makeController();
		controller.sync(story.slice(10, 20), []);
		runIdle();
		controller.sync(story.slice(10), []);
		runIdle();
		expect(controller.hashed).toEqual({
			first: 11,
			head: story.length,
			hash: transcriptHash(story.slice(10))
		});
		controller.sync(story, []);
		runIdle();
		expect(controller.hashed?.hash).toBe(transcriptHash(story));
	});
});

describe('what is being said', () => {
	it('goes over into what is stored without a doubled or a missing word', () => {
		const log = new LogWriter();
		log.accepted('m1', 'Do it');
		log.turnStarted('m1');
		const { controller } = makeController();
		const partial = (text: string): PartialMessage[] => [
			{ messageId: 'a', parentToolUseId: null, blocks: [{ block: 0, kind: 'text', text }] }
		];
		controller.sync(log.events, partial('Hel'));
		controller.setPartials(partial('Hello'));
		const live = controller.blocks.at(-1);
		expect(live).toMatchObject({ kind: 'text', text: 'Hello', streaming: true });
		log.text('a', 'Hello.');
		controller.sync(log.events, partial('Hello'));
		expect(controller.blocks.filter((block) => block.kind === 'text')).toMatchObject([
			{ key: live?.key, text: 'Hello.', streaming: false }
		]);
	});
});

describe('cards', () => {
	it('stay as the person left them', () => {
		const { controller } = makeController();
		expect([controller.isOpen('a', false), controller.isOpen('b', true)]).toEqual([false, true]);
		controller.setOpen('a', true);
		controller.setOpen('b', false);
		expect([controller.isOpen('a', false), controller.isOpen('b', true)]).toEqual([true, false]);
		controller.setOpen('a', false);
		expect(controller.isOpen('a', false)).toBe(false);
	});
});
