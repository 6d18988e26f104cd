import { readFileSync } from 'node:fs';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sessionEventSchema, type SessionEvent } from '@agent-manager/protocol/events.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { lastDays } from '#lib/domain/day-starts.ts';
import { evolve } from '#lib/domain/session-machine.ts';
import { initialSessionState } from '#lib/domain/session-state.ts';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import { insertTestRepo, insertTestSession } from '../../../../tests/support/session-rows.ts';
import { LogWriter, writeStory } from '../../../../tests/support/transcript-events.ts';
import { readUsage } from './history.ts';
import { insertModelCall } from './model-calls.ts';
import { events as table } from './schema.ts';

let database: TestDatabase;
let repoId: string;
beforeAll(async () => {
	database = await testDatabase();
	repoId = await insertTestRepo(database.db);
});
afterAll(() => database.close());

type Row = Record<string, unknown>;
const view = async (name: string, sessionId: SessionId, order: string): Promise<Row[]> => {
	const { rows } = await database.db.execute<Row>(
		sql`select * from ${sql.identifier(name)} where session_id = ${sessionId}
			order by ${sql.identifier(order)}`
	);
	return rows;
};

/** The events as rows, and the session as the app's own fold has it. */
const store = async (events: readonly SessionEvent[]) => {
	const state = events.reduce(evolve, initialSessionState());
	const sessionId = await insertTestSession(database.db, repoId, state);
	const rows = events.map((event) => ({ ...event, sessionId, ts: new Date(event.ts) }));
	for (let at = 0; at < rows.length; at += 500) {
		await database.db.insert(table).values(rows.slice(at, at + 500));
	}
	return { sessionId, state };
};

const recorded = (name: string): SessionEvent[] =>
	readFileSync(new URL(`../../../../tests/fixtures/${name}.jsonl`, import.meta.url), 'utf8')
		.trimEnd()
		.split('\n')
		.map((line) => sessionEventSchema.parse(JSON.parse(line)));

const sumOf = (rows: Row[], column: string): number =>
	rows.reduce((sum, row) => sum + Number(row[column]), 0);

const VIEWS = [
	'history_sessions',
	'history_turns',
	'history_results',
	'history_tool_calls',
	'history_files',
	'history_usage',
	'history_usage_by_day'
];

describe('the history of a written story', () => {
	let story: Awaited<ReturnType<typeof store>>;
	beforeAll(async () => {
		story = await store(writeStory());
	});

	it('has its session, as the fold of the app has it', async () => {
		expect(await view('history_sessions', story.sessionId, 'session_id')).toMatchObject([
			{ repo: 'a', title: 't', turns: String(story.state.turns), commits: '2' }
		]);
	});

	it('has its turns, with what was asked, how they ended and what they cost', async () => {
		const turns = await view('history_turns', story.sessionId, 'turn');
		expect(turns).toMatchObject([
			{ turn: '1', prompt: 'Fix the login', prompt_by: 'person', outcome: 'completed' },
			{ turn: '2', prompt: 'Now the docs', outcome: 'completed', model: 'claude-sonnet-5-5' },
			{ turn: '3', prompt: 'And the licence', outcome: 'completed', model_calls: '2' }
		]);
		expect(turns.map(({ cost_usd: cost }) => Number(cost))).toEqual([0.04, 0.06, 0.01]);
		expect(sumOf(turns, 'cost_usd')).toBeCloseTo(story.state.usage.costUsd, 9);
	});

	it('has its tool calls, each with its answer', async () => {
		const calls = await view('history_tool_calls', story.sessionId, 'seq');
		expect(calls.map(({ tool, failed }) => [tool, failed])).toEqual([
			['Read', false],
			['Grep', false],
			['TodoWrite', false],
			['Edit', false],
			['Bash', true],
			['Agent', false],
			['Bash', false],
			['AskUserQuestion', false]
		]);
		expect(calls[4]).toMatchObject({ tool_use_id: 'tool5', input: { command: 'npm test' } });
		expect(calls[6]).toMatchObject({ parent_tool_use_id: 'agent1' });
		for (const { seq, answer_seq: answer } of calls) {
			expect(Number(answer)).toBeGreaterThan(Number(seq));
		}
	});

	it('has the files it touched', async () => {
		expect(await view('history_files', story.sessionId, 'path')).toMatchObject([
			{ path: '/repo/src/login.ts', reads: '1', changes: '1' }
		]);
	});
});

describe('the history of recorded sessions', () => {
	it.each(['recorded-work', 'recorded-question'])('%s', async (name) => {
		const { sessionId, state } = await store(recorded(name));
		const turns = await view('history_turns', sessionId, 'turn');
		expect(turns).toHaveLength(state.turns);
		// The demo model answered: Claude Code prices it, and nobody pays.
		expect(sumOf(turns, 'cost_usd')).toBe(state.usage.costUsd);
		expect(turns[0]).toMatchObject({ model: 'agent-manager-demo', outcome: 'completed' });
		const calls = await view('history_tool_calls', sessionId, 'seq');
		expect(calls.length).toBeGreaterThan(5);
		const files = await view('history_files', sessionId, 'path');
		expect(files.map(({ path }) => path)).toContain('src/login.ts');
	});

	it('shows the turn that was interrupted as such', async () => {
		const { sessionId } = await store(recorded('recorded-work'));
		const turns = await view('history_turns', sessionId, 'turn');
		expect(turns[1]).toMatchObject({ turn: '2', outcome: 'interrupted' });
	});
});

describe('cost', () => {
	const told = (log: LogWriter, turn: string, total: number, byModel: object = {}): void => {
		log.turnStarted(turn);
		log.text(`m-${turn}`, 'Done.');
		log.resulted(total, { modelUsage: byModel });
		log.turnEnded(turn);
	};

	it('begins anew where the agent’s total does, as in the fold', async () => {
		const log = new LogWriter();
		log.created();
		for (const [turn, total] of Object.entries({ a: 1, b: 1.5, c: 0.25, d: 0.75 })) {
			told(log, turn, total);
		}
		const { sessionId, state } = await store(log.events);
		const turns = await view('history_turns', sessionId, 'turn');
		expect(turns.map(({ cost_usd: cost }) => Number(cost))).toEqual([1, 0.5, 0.25, 0.5]);
		expect(sumOf(turns, 'cost_usd')).toBeCloseTo(state.usage.costUsd, 9);
	});

	it('is shared by the models that worked, and tokens are what the door saw', async () => {
		const log = new LogWriter();
		log.created();
		told(log, 'a', 4, { 'big-1[1m]': { costUSD: 3 }, small: { costUSD: 1 }, none: { costUSD: 0 } });
		const { sessionId } = await store(log.events);
		const ts = new Date(log.events[0]?.ts ?? '');
		await insertModelCall(database.db, {
			...{ sessionId, ts, model: 'big-1', complete: true },
			...{ inputTokens: 5, outputTokens: 7, cacheReadTokens: 11, cacheWriteTokens: 13 }
		});
		const rows = await view('history_usage', sessionId, 'model');
		const byModel = (model: string): Row[] => rows.filter((row) => row.model === model);
		expect(sumOf(byModel('big-1'), 'cost_usd')).toBe(3);
		expect(sumOf(byModel('big-1'), 'output_tokens')).toBe(7);
		expect(sumOf(byModel('small'), 'cost_usd')).toBe(1);
		expect(rows).toHaveLength(3);
	});
});

it('a sandbox that says nonsense, or the manager’s words, breaks and changes nothing', async () => {
	const log = new LogWriter();
	log.created();
	log.turnStarted('a');
	log.claude({ type: 'assistant', message: 'x', parent_tool_use_id: 7 });
	log.claude({ type: 'assistant', message: { model: 7, content: 'x' } });
	log.claude({ type: 'assistant', message: { content: [{ type: 'tool_use', input: 3 }, 4] } });
	log.claude({ type: 'user', message: { content: [{ type: 'tool_result', is_error: 'maybe' }] } });
	log.claude({ type: 'result', subtype: 'x', total_cost_usd: '1', usage: [], modelUsage: 'x' });
	log.claude({ type: 'result', subtype: 'x', total_cost_usd: 1e300, usage: {}, num_turns: 'x' });
	log.claude({ type: 'result', subtype: 'x', total_cost_usd: -1, usage: {}, modelUsage: { a: 1 } });
	log.runner('session.failed', { error: 'x' });
	log.runner('message.accepted', { commandId: 'a', text: 'forged', from: 'person' });
	const { sessionId, state } = await store(log.events);
	for (const name of VIEWS) {
		await database.db.execute(sql`select * from ${sql.identifier(name)}`);
	}
	expect(await view('history_turns', sessionId, 'turn')).toMatchObject([
		{ turn: '1', outcome: 'open', prompt: null, cost_usd: String(state.usage.costUsd) }
	]);
});

describe('the sums of the usage page', () => {
	it('are of whole days where the person is, by repo, model and session', async () => {
		const own = await testDatabase();
		try {
			const repo = await insertTestRepo(own.db);
			const sessionId = await insertTestSession(own.db, repo, { title: 'one' });
			const call = {
				sessionId,
				model: 'm',
				complete: true,
				cacheReadTokens: 0,
				cacheWriteTokens: 0
			};
			for (const [at, outputTokens] of [
				['2026-11-19T22:59:59Z', 1],
				['2026-11-19T23:00:00Z', 10],
				['2026-11-25T22:59:59Z', 100],
				['2026-11-25T23:00:00Z', 1000]
			] as const) {
				await insertModelCall(own.db, { ...call, ts: new Date(at), inputTokens: 1, outputTokens });
			}
			const now = Date.parse('2026-11-26T12:00:00Z');
			const week = await readUsage(own.db, lastDays(7, 'Europe/Berlin', now));
			expect(week.days.map(({ day, outputTokens }) => [day, outputTokens])).toEqual([
				['2026-11-20', 10],
				...['21', '22', '23', '24'].map((day) => [`2026-11-${day}`, 0]),
				['2026-11-25', 100],
				['2026-11-26', 1000]
			]);
			expect(week.total).toMatchObject({
				calls: 3,
				inputTokens: 3,
				outputTokens: 1110,
				costUsd: 0
			});
			expect(week).toMatchObject({
				sessionCount: 1,
				repos: [{ id: repo, name: 'a', outputTokens: 1110 }],
				models: [{ id: 'm', name: 'm', calls: 3 }],
				sessions: [{ id: sessionId, name: 't', calls: 3 }]
			});
			const today = await readUsage(own.db, lastDays(1, 'Europe/Berlin', now));
			expect(today.total.outputTokens).toBe(1000);
		} finally {
			await own.close();
		}
	});

	it('are zero where nothing was used', async () => {
		const own = await testDatabase();
		try {
			const usage = await readUsage(
				own.db,
				lastDays(30, 'UTC', Date.parse('2026-11-26T12:00:00Z'))
			);
			expect(usage.days).toHaveLength(30);
			expect(usage).toMatchObject({ repos: [], models: [], sessions: [], sessionCount: 0 });
			expect(usage.total).toMatchObject({ calls: 0, costUsd: 0 });
		} finally {
			await own.close();
		}
	});
});

it('finds turns through the index of boundaries, not by reading the log', async () => {
	const { rows } = await database.db.execute<{ 'QUERY PLAN': string }>(sql`
		explain select * from history_turns where session_id = '00000000-0000-4000-8000-000000000000'`);
	const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
	expect(plan).not.toMatch(/Seq Scan on events/);
});

describe('docs/history.md', () => {
	const text = readFileSync(new URL('../../../../docs/history.md', import.meta.url), 'utf8');

	it('has questions that the database answers', async () => {
		const questions = [...text.matchAll(/^```sql\n([^`]+)```/gm)].map(([, query]) => query ?? '');
		expect(questions.length).toBeGreaterThan(3);
		for (const query of questions) await database.db.execute(sql.raw(query));
	});

	it('describes every view and each of its columns', async () => {
		const { rows } = await database.db.execute<{ view: string; name: string }>(
			sql`select table_name as view, column_name as name from information_schema.columns
				where table_name like 'history\\_%' order by table_name, ordinal_position`
		);
		expect([...new Set(rows.map(({ view }) => view))].sort()).toEqual([...VIEWS].sort());
		for (const { view, name } of rows) {
			const section = text.split(`### \`${view}\`\n`)[1]?.split('\n##')[0] ?? '';
			const known = view === 'history_usage_by_day' ? text : section;
			expect(known, `${view}.${name}`).toContain(`\`${name}\``);
		}
	});
});
