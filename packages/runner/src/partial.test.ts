import { describe, expect, it } from 'vitest';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import { PartialTracker } from './partial.ts';

const stream = (event: JsonObject, parent: string | null = null): JsonObject => ({
	type: 'stream_event',
	event,
	parent_tool_use_id: parent
});
const messageStart = (id: string, parent: string | null = null): JsonObject =>
	stream({ type: 'message_start', message: { id } }, parent);
const blockStart = (index: number, content_block: JsonObject, parent: string | null = null) =>
	stream({ type: 'content_block_start', index, content_block }, parent);
const grow = (index: number, delta: JsonObject, parent: string | null = null): JsonObject =>
	stream({ type: 'content_block_delta', index, delta }, parent);
const text = (index: number, said: string, parent: string | null = null): JsonObject =>
	grow(index, { type: 'text_delta', text: said }, parent);
const assistant = (
	id: string,
	content: JsonObject[],
	parent: string | null = null
): JsonObject => ({
	type: 'assistant',
	message: { id, content },
	parent_tool_use_id: parent
});

describe('partial tracker', () => {
	it('counts offsets in UTF-16 code units of the block', () => {
		const tracker = new PartialTracker();
		tracker.stream(messageStart('m1'));
		expect(tracker.stream(blockStart(0, { type: 'text', text: '' }))).toBeNull();
		expect(tracker.stream(text(0, 'a🙂'))).toEqual({
			messageId: 'm1',
			block: 0,
			kind: 'text',
			offset: 0,
			text: 'a🙂',
			parentToolUseId: null
		});
		expect(tracker.stream(text(0, 'b'))).toMatchObject({ offset: 3, text: 'b' });
		expect(tracker.snapshot()).toEqual([
			{ messageId: 'm1', parentToolUseId: null, blocks: [{ block: 0, kind: 'text', text: 'a🙂b' }] }
		]);
	});

	it('names the tool before its input comes, and joins the pieces of the input', () => {
		const tracker = new PartialTracker();
		const tool = { id: 'toolu_1', name: 'Bash' };
		tracker.stream(messageStart('m1'));
		const begin = tracker.stream(blockStart(1, { type: 'tool_use', ...tool, input: {} }));
		expect(begin).toMatchObject({ block: 1, kind: 'tool_input', offset: 0, text: '', tool });
		tracker.stream(grow(1, { type: 'input_json_delta', partial_json: '{"command":' }));
		const second = tracker.stream(grow(1, { type: 'input_json_delta', partial_json: '"ls"}' }));
		expect(second).toMatchObject({ offset: 11, text: '"ls"}', tool });
		expect(tracker.snapshot()[0]?.blocks).toEqual([
			{ block: 1, kind: 'tool_input', text: '{"command":"ls"}', tool }
		]);
	});

	it('streams thinking, and keeps a text that the start of a block brings', () => {
		const tracker = new PartialTracker();
		tracker.stream(messageStart('m1'));
		tracker.stream(blockStart(0, { type: 'thinking', thinking: '' }));
		expect(tracker.stream(grow(0, { type: 'thinking_delta', thinking: 'hm' }))).toMatchObject({
			kind: 'thinking',
			text: 'hm'
		});
		expect(tracker.stream(blockStart(1, { type: 'text', text: 'So' }))).toMatchObject({
			block: 1,
			offset: 0,
			text: 'So'
		});
		expect(tracker.stream(text(1, ' then'))).toMatchObject({ offset: 2 });
	});

	it.each<[string, JsonObject]>([
		['a signature', grow(0, { type: 'signature_delta', signature: 'x' })],
		['a ping', stream({ type: 'ping' })],
		['an event of a kind nobody knows', stream({ type: 'news' })],
		['a delta of a block that never started', text(7, 'x')],
		['an event without a body', { type: 'stream_event' }],
		['a block of a kind nobody knows', blockStart(3, { type: 'hologram' })]
	])('says nothing for %s', (_name, message) => {
		const tracker = new PartialTracker();
		tracker.stream(messageStart('m1'));
		tracker.stream(blockStart(0, { type: 'thinking', thinking: '' }));
		expect(tracker.stream(message)).toBeNull();
	});

	it('drops a block when its complete message passed, and only that', () => {
		const tracker = new PartialTracker();
		tracker.stream(messageStart('m1'));
		tracker.stream(blockStart(0, { type: 'text', text: '' }));
		tracker.stream(text(0, 'first'));
		tracker.complete(assistant('m1', [{ type: 'text', text: 'first' }]));
		expect(tracker.snapshot()).toEqual([]);
		tracker.stream(stream({ type: 'content_block_stop', index: 0 }));
		tracker.stream(blockStart(1, { type: 'tool_use', id: 't1', name: 'Read' }));
		tracker.stream(blockStart(2, { type: 'tool_use', id: 't2', name: 'Read' }));
		tracker.complete(assistant('m1', [{ type: 'tool_use', id: 't1' }]));
		expect(tracker.snapshot()[0]?.blocks.map((block) => block.tool?.id)).toEqual(['t2']);
		tracker.complete(assistant('other', [{ type: 'text' }]));
		expect(tracker.snapshot()[0]?.blocks).toHaveLength(1);
	});

	it('keeps sub-agents apart from the main conversation', () => {
		const tracker = new PartialTracker();
		for (const parent of [null, 'toolu_a', 'toolu_b']) {
			tracker.stream(messageStart(`m-${parent}`, parent));
			tracker.stream(blockStart(0, { type: 'text', text: '' }, parent));
			tracker.stream(text(0, `by ${parent}`, parent));
		}
		tracker.complete(assistant('m-toolu_a', [{ type: 'text' }], 'toolu_a'));
		expect(tracker.snapshot().map((it) => [it.parentToolUseId, it.blocks[0]?.text])).toEqual([
			[null, 'by null'],
			['toolu_b', 'by toolu_b']
		]);
	});

	it('forgets a message that the API began anew, and everything at the end of a turn', () => {
		const tracker = new PartialTracker();
		tracker.stream(messageStart('m1'));
		tracker.stream(blockStart(0, { type: 'text', text: '' }));
		tracker.stream(text(0, 'cut off'));
		tracker.stream(messageStart('m2'));
		expect(tracker.snapshot()).toEqual([]);
		tracker.stream(blockStart(0, { type: 'text', text: 'again' }));
		tracker.clear();
		expect(tracker.snapshot()).toEqual([]);
	});
});
