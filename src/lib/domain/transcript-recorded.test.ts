/**
 * Logs of sessions that ran for real: Claude Code 2.1.330 through SDK 0.3.330 in a bubblewrap sandbox,
 * answered by the demo model. Only paths were made neutral and the long lists of `init` cut short.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { sessionEventSchema, type SessionEvent } from '@agent-manager/protocol/events.ts';
import type { Block } from './transcript-blocks.ts';
import { blocksOf } from './transcript-state.ts';
import { summarizeTool } from './transcript-tool-summary.ts';
import { foldEvents } from './transcript.ts';

const recorded = (name: string): SessionEvent[] =>
	readFileSync(new URL(`../../../tests/fixtures/${name}.jsonl`, import.meta.url), 'utf8')
		.trimEnd()
		.split('\n')
		.map((line) => sessionEventSchema.parse(JSON.parse(line)));

const fold = (name: string): Block[] => blocksOf(foldEvents(recorded(name)));

/** A line for each block, as a reader would sum it up. */
const gist = (block: Block): string => {
	switch (block.kind) {
		case 'tool': {
			const { label, subject, outcome } = summarizeTool(block);
			return `${block.status}: ${label} ${subject}${outcome === null ? '' : ` (${outcome})`}`;
		}
		case 'text':
			return `text${block.cut ? ', cut' : ''}`;
		case 'turn':
			return `turn ${block.outcome}, ${block.filesChanged} files, $${block.costUsd}`;
		case 'request':
			return `${block.requestKind} ${block.outcome} ${JSON.stringify(block.answers)}`;
		case 'retry':
			return `retry ${block.outcome}: ${block.reason}`;
		default:
			return block.kind;
	}
};

describe('recorded sessions', () => {
	it('work: commands, an edit, a sub-agent, a retry, an interrupt', () => {
		const blocks = fold('recorded-work');
		expect(blocks.map(gist)).toMatchInlineSnapshot(`
			[
			  "user",
			  "thinking",
			  "done: Run ls",
			  "failed: Run cat nothing.txt (exit 1)",
			  "text",
			  "done: Read src/login.ts (5 lines)",
			  "done: Edit src/login.ts",
			  "text",
			  "done: Write src/new.ts",
			  "text",
			  "done: Sub-agent Look at the repo (3 calls)",
			  "retry recovered: The model is overloaded",
			  "text",
			  "text",
			  "turn completed, 2 files, $0",
			  "user",
			  "text, cut",
			  "turn interrupted, 0 files, $0",
			]
		`);
		const agent = blocks.find((block) => block.kind === 'tool' && block.name === 'Agent');
		expect(agent?.kind === 'tool' ? agent.children.map(gist) : []).toMatchInlineSnapshot(`
			[
			  "done: Run git ls-files | head -200",
			  "done: Run git log --oneline -5",
			  "done: Read README.md",
			]
		`);
	});

	it('a question that a person answered', () => {
		expect(fold('recorded-question').map(gist)).toMatchInlineSnapshot(`
			[
			  "user",
			  "done: Read src/login.ts (5 lines)",
			  "done: Edit src/login.ts",
			  "text",
			  "done: Write src/new.ts",
			  "text",
			  "done: Sub-agent Look at the repo (3 calls)",
			  "text",
			  "failed: Skill ",
			  "text",
			  "question allowed {"Which login?":"The new one"}",
			  "text",
			  "text",
			  "turn completed, 2 files, $0",
			]
		`);
	});

	it('hold nothing that is not known', () => {
		for (const name of ['recorded-work', 'recorded-question']) {
			expect(fold(name).filter((block) => block.kind === 'unknown')).toEqual([]);
		}
	});
});
