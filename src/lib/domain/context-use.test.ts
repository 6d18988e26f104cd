import { describe, expect, it } from 'vitest';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { contextUse } from './context-use.ts';

const event = (type: string, payload: object): SessionEvent => ({
	...{ seq: 1, ts: '2026-01-02T03:04:05.000Z', source: 'claude', type },
	payload: payload as SessionEvent['payload']
});
const call = (tokens: number, model = 'big', parent: string | null = null): SessionEvent =>
	event('claude.assistant', {
		parent_tool_use_id: parent,
		message: {
			model,
			usage: { input_tokens: 10, cache_read_input_tokens: tokens - 15, output_tokens: 5 }
		}
	});
const result = (modelUsage: object): SessionEvent => event('claude.result.success', { modelUsage });
const big = { big: { contextWindow: 200_000 } };

describe('the context that is used', () => {
	it('is what the newest call of the main conversation took, in the room of its model', () => {
		const used = [call(900), result(big), call(1_000), call(5_000, 'small', 'toolu_1')];
		expect(contextUse(used)).toEqual({ tokens: 1_000, room: 200_000 });
	});

	it('is not known where nothing tells', () => {
		expect(contextUse([])).toBeNull();
		expect(contextUse([result(big)])).toBeNull();
		expect(contextUse([call(1_000)])).toEqual({ tokens: 1_000, room: null });
		expect(contextUse([call(1_000, '<synthetic>')])).toBeNull();
		const others = { a: { contextWindow: 1 }, b: { contextWindow: 2 } };
		expect(contextUse([result(others), call(1_000)])?.room).toBeNull();
		expect(contextUse([result({ big: { contextWindow: 'x' } }), call(1_000)])?.room).toBeNull();
	});

	it('is less after a compaction', () => {
		const compacted = event('claude.system.compact_boundary', {
			compact_metadata: { post_tokens: 300 }
		});
		expect(contextUse([result(big), call(150_000), compacted])).toEqual({
			tokens: 300,
			room: 200_000
		});
	});
});
