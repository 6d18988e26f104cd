/** Deltas and stored messages give the same blocks, in whatever pieces the deltas come. */
import { describe, expect, it } from 'vitest';
import type { PartialMessage } from '@agent-manager/protocol/delta.ts';
import { LogWriter } from '../../../tests/support/transcript-events.ts';
import type { Block } from './transcript-blocks.ts';
import { unstoredPartials, withLiveBlocks } from './transcript-partials.ts';
import { blocksOf } from './transcript-state.ts';
import { foldEvents } from './transcript.ts';

const shown = (log: LogWriter, partials: PartialMessage[]): Block[] => {
	const state = foldEvents(log.events);
	return withLiveBlocks(blocksOf(state), unstoredPartials(state, partials), state.queued);
};

const begun = (): LogWriter => {
	const log = new LogWriter();
	log.accepted('m1', 'Do it');
	log.turnStarted('m1');
	return log;
};

const speaking: PartialMessage = {
	messageId: 'a',
	parentToolUseId: null,
	blocks: [
		{ block: 0, kind: 'thinking', text: 'Hm.' },
		{ block: 1, kind: 'text', text: 'Hello' },
		{ block: 2, kind: 'tool_input', text: '{"command": "ls', tool: { id: 't', name: 'Bash' } }
	]
};

describe('what is being said', () => {
	it('is shown after the stored blocks', () => {
		expect(shown(begun(), [speaking]).map((block) => block.kind)).toEqual([
			'user',
			'thinking',
			'text',
			'tool'
		]);
	});

	it('keeps each block’s key when it is stored, and is never doubled', () => {
		const log = begun();
		const before = shown(log, [speaking]).map((block) => block.key);
		const steps = [
			() => log.says('a', { type: 'thinking', thinking: 'Hm.' }),
			() => log.text('a', 'Hello'),
			() => log.calls('a', 't', 'Bash', { command: 'ls' })
		];
		for (const store of steps) {
			store();
			// The partial still holds every block: a snapshot may come late.
			expect(shown(log, [speaking]).map((block) => block.key)).toEqual(before);
		}
		expect(shown(log, [speaking]).every((block) => block.seq !== null)).toBe(true);
	});

	it('belongs to the sub-agent who says it', () => {
		const log = begun();
		log.calls('a', 'agent', 'Agent', { prompt: 'Look' });
		const partial = { ...speaking, messageId: 'sub', parentToolUseId: 'agent' };
		const last = shown(log, [partial]).at(-1);
		expect(last).toMatchObject({ kind: 'tool', toolUseId: 'agent' });
		expect(last?.kind === 'tool' ? last.children.map((child) => child.kind) : []).toEqual([
			'thinking',
			'text',
			'tool'
		]);
	});

	it('ends when the conversation says something else', () => {
		const next: PartialMessage = {
			messageId: 'b',
			parentToolUseId: null,
			blocks: [{ block: 0, kind: 'text', text: 'Again' }]
		};
		const texts = shown(begun(), [speaking, next]).flatMap((block) =>
			block.kind === 'text' ? [block.text] : []
		);
		expect(texts).toEqual(['Again']);
	});

	it('stands before the messages that wait', () => {
		const log = begun();
		log.accepted('m2', 'And then');
		expect(shown(log, [speaking]).at(-1)).toMatchObject({ kind: 'user', delivery: 'queued' });
	});

	it('is as clean as what is stored', () => {
		const hostile = 'a\u001b]52;c;x\u0007\u202eb';
		const log = begun();
		const partial: PartialMessage = {
			messageId: 'h',
			parentToolUseId: null,
			blocks: [{ block: 0, kind: 'text', text: hostile }]
		};
		const live = shown(log, [partial]).at(-1);
		log.text('h', hostile);
		expect(shown(log, []).at(-1)).toMatchObject({
			key: live?.key,
			text: live?.kind === 'text' ? live.text : null
		});
	});
});
