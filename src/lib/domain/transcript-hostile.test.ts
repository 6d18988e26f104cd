/** No payload makes the fold throw, and no log makes it slow: what a sandbox says is only evidence. */
import { describe, expect, it } from 'vitest';
import { managerEventSchemas, runnerEventSchemas } from '@agent-manager/protocol/events.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { LogWriter, writeStory } from '../../../tests/support/transcript-events.ts';
import { summarizeTool } from './transcript-tool-summary.ts';
import { patchOf } from './transcript-patch.ts';
import type { Block } from './transcript-blocks.ts';
import { blocksOf } from './transcript-state.ts';
import { foldEvents } from './transcript.ts';

const deep = (levels: number): unknown => {
	let value: unknown = 'end';
	for (let level = 0; level < levels; level++) value = level % 2 ? [value] : { content: value };
	return value;
};

const wrong: unknown[] = [
	null,
	true,
	-1,
	1e308,
	'',
	'text',
	'\u0000\u001b]52;c;eA==\u0007',
	[],
	[null, 1, 'x', [], {}],
	{},
	{ length: 3 },
	{ toString: null, valueOf: null },
	JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}'),
	deep(2000)
];

/** Every tool's every field, read the way a card reads it. */
const look = (blocks: Block[]): void => {
	for (const block of blocks) {
		if (block.kind !== 'tool') continue;
		summarizeTool(block);
		patchOf(block);
		look(block.children);
	}
};

const folds = (events: SessionEvent[]): Block[] => {
	const blocks = blocksOf(foldEvents(events));
	look(blocks);
	return blocks;
};

const types = [
	...Object.keys(managerEventSchemas).map((type) => ['manager', type] as const),
	...Object.keys(runnerEventSchemas).map((type) => ['runner', type] as const),
	...[
		'assistant',
		'user',
		'result',
		'system',
		'tool_progress',
		'rate_limit_event',
		'__proto__'
	].map((type) => ['claude', `claude.${type}`] as const)
];

describe('hostile payloads', () => {
	it.each(types)('%s %s with every field wrong', (source, type) => {
		const log = new LogWriter();
		for (const value of wrong) {
			log.add(source, type, value as never);
			log.add(source, type, { type: type.replace('claude.', ''), message: value } as never);
			const content = [value, { type: 'text', text: value }, { type: 'tool_use', id: value }];
			log.add(source, type, { type: type.replace('claude.', ''), message: { id: value, content } });
		}
		expect(() => folds(log.events)).not.toThrow();
	});

	it('any single field of a real story replaced by anything', () => {
		const story = writeStory();
		for (const [index, event] of story.entries()) {
			for (const key of Object.keys(event.payload)) {
				for (const value of wrong) {
					const changed = { ...event, payload: { ...event.payload, [key]: value } };
					expect(() => folds(story.with(index, changed as SessionEvent))).not.toThrow();
				}
			}
		}
	});

	it.each([
		'Bash',
		'Edit',
		'MultiEdit',
		'Write',
		'Read',
		'Grep',
		'TodoWrite',
		'Agent',
		'mcp__a__b'
	])('calls of %s with wrong input and wrong results', (name) => {
		const log = new LogWriter();
		for (const [index, value] of wrong.entries()) {
			const keys = ['command', 'file_path', 'edits', 'todos', 'content', 'questions', 'pattern'];
			const input = Object.fromEntries(keys.map((key) => [key, value]));
			log.calls('a', `t${index}`, name, input);
			log.result(`t${index}`, value, {
				structuredPatch: value,
				file: value,
				stdout: value,
				answers: value,
				task: value
			});
			log.calls('a', `u${index}`, name, value as never);
			log.result(`u${index}`, [value], value);
		}
		expect(() => folds(log.events)).not.toThrow();
	});

	it('sub-agents that are their own parents, or a tower of them', () => {
		const log = new LogWriter();
		log.calls('a', 'self', 'Agent', {}, 'self');
		log.calls('b', 'x', 'Agent', {}, 'y');
		log.calls('c', 'y', 'Agent', {}, 'x');
		for (let level = 0; level < 3000; level++) {
			log.calls(`m${level}`, `t${level}`, 'Agent', {}, level === 0 ? null : `t${level - 1}`);
		}
		const blocks = folds(log.events);
		expect(() => JSON.stringify(blocks)).not.toThrow();
		expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
	});

	it('adds an event at the same cost however long the log is', () => {
		const log = new LogWriter();
		log.created();
		for (let turn = 0; turn < 2000; turn++) {
			log.accepted(`m${turn}`, 'go');
			log.turnStarted(`m${turn}`);
			for (let call = 0; call < 5; call++) {
				log.calls(`a${turn}`, `t${turn}-${call}`, 'Bash', { command: 'ls' });
				log.result(`t${turn}-${call}`, 'src', { stdout: 'src', stderr: '', interrupted: false });
			}
			log.turnEnded(`m${turn}`);
		}
		const cost = (events: SessionEvent[]): number => {
			const runs = [0, 1, 2].map(() => {
				const from = performance.now();
				foldEvents(events);
				return performance.now() - from;
			});
			return Math.min(...runs);
		};
		const tenth = cost(log.events.slice(0, log.events.length / 10));
		// Ten times the events cost about ten times as much, never a hundred times.
		expect(cost(log.events)).toBeLessThan(Math.max(tenth, 2) * 40);
	});
});
