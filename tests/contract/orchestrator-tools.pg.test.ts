/**
 * The tools of an orchestrator over real HTTP: a door's socket or the app's port, an MCP client on the
 * other side, PostgreSQL behind. Who may do what, and that a wait wakes once.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import pLimit from 'p-limit';
import pino from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { RepoId, SessionId } from '@agent-manager/protocol/ids.ts';
import { wireError } from '#lib/domain/errors.ts';
import type { SessionState } from '#lib/domain/session-state.ts';
import { findRepo, listRepos } from '#lib/server/db/repos.ts';
import { insertSession, listSessions } from '#lib/server/db/sessions.ts';
import { createMcpDoor } from '#lib/server/orchestrator/mcp-door.ts';
import { createMcpEndpoint } from '#lib/server/orchestrator/mcp-endpoint.ts';
import type { Caller, ToolContext } from '#lib/server/orchestrator/tool.ts';
import { WaitWatch } from '#lib/server/orchestrator/wait-watch.ts';
import { toRepo } from '#lib/server/repos/repo-view.ts';
import { createHub } from '#lib/server/sessions/hub.ts';
import { SessionCreation } from '#lib/server/sessions/session-creation.ts';
import { SessionLog } from '#lib/server/sessions/session-log.ts';
import { SessionService } from '#lib/server/sessions/session-service.ts';
import { initialSessionState } from '#lib/domain/session-state.ts';
import { sessionToolLabel } from '#lib/domain/transcript-session-tools.ts';
import { testDatabase, type TestDatabase } from '../support/postgres.ts';
import { insertTestRepo, insertTestSession } from '../support/session-rows.ts';

const CAPS = { sessions: 3, running: 2 };
const EPOCH = 1;

/** What git would have said: many files, and a long diff of each. */
const LINES = Array.from({ length: 2_000 }, (_, at) => `+line ${at}\n`).join('');
const FILES = Array.from({ length: 250 }, (_, at) => ({
	...{ path: `f${String(at).padStart(3, '0')}`, oldPath: null, status: 'added', kind: 'file' },
	...{ added: 2, removed: 1 }
}));
const changes = {
	list: () =>
		Promise.resolve({
			ok: true,
			value: { from: 'a', to: 'b', files: FILES, fileCount: 250, added: 500, removed: 250 }
		}),
	file: () =>
		Promise.resolve({ ok: true, value: { hunks: `@@ -0,0 +1,2000 @@\n${LINES}`, omitted: null } })
};

let database: TestDatabase;
let service: SessionService;
let log: SessionLog;
let watch: WaitWatch;
let server: Server;
let origin: string;
let clock: Date;
let repoId: string;
let own: SessionId;
const clients: Client[] = [];

const insertOrchestrator = async (repo: string): Promise<SessionId> => {
	const id = randomUUID() as SessionId;
	await insertSession(database.db, {
		...{ id, repoId: repo, role: 'orchestrator', title: 'o', goalPrompt: 'p' },
		...{ branchName: `agent/${id}`, baseBranch: 'main', permissionMode: 'full' },
		...{ conversationId: randomUUID(), epoch: EPOCH, status: 'waiting' },
		state: { ...initialSessionState(), status: 'waiting', waitingFor: 'input', epoch: EPOCH }
	});
	return id;
};

/** A manager's part in it: made anew, as after a restart. */
const makeParts = async (): Promise<void> => {
	const { db } = database;
	const hub = createHub();
	const logger = pino({ level: 'silent' });
	log = new SessionLog({
		db,
		hub,
		now: () => clock,
		queuePosition: () => null,
		onCommit: () => {}
	});
	const creation = new SessionCreation({
		db,
		now: () => clock,
		newId: randomUUID,
		findRepo: (id) => findRepo(db, id),
		hasBaseBranch: (_repo, branch) => Promise.resolve(branch === 'main'),
		isBranchFree: () => Promise.resolve(true),
		hasSessionBranch: () => Promise.resolve(true),
		onCreated: (row) => log.adopt(row)
	});
	service = new SessionService({ ...{ db, log, creation, changes }, newId: randomUUID } as never);
	watch = new WaitWatch({ hub, sessions: service, logger, now: () => clock });
	await watch.start();
	const starting = pLimit(1);
	const contextFor = (caller: Caller): ToolContext => ({
		...{ caller, sessions: service, caps: CAPS, newId: randomUUID },
		repos: async () => (await listRepos(db)).map((row) => toRepo(row, undefined, null, [])),
		inTurn: (work) => starting(work),
		now: () => clock
	});
	const endpoint = createMcpEndpoint({
		...{ version: '1', logger },
		explain: () => wireError('internal', 'unexpected')
	});
	const asPerson = async (req: IncomingMessage, res: ServerResponse): Promise<void> => {
		const body = await text(req);
		const { method = 'GET' } = req;
		const request = new Request('http://app/mcp', {
			...{ method, headers: req.headers as Record<string, string> },
			...(method === 'POST' && { body })
		});
		const answer = await endpoint(request, contextFor({ kind: 'person' }));
		res.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text());
	};
	const atDoor = createMcpDoor({ log, endpoint, contextFor });
	server = createServer((req, res) => {
		const [, sessionId = '', epoch = ''] = (req.url ?? '').split('/');
		if (sessionId === 'person') return void asPerson(req, res);
		void atDoor(req, res, { sessionId: sessionId as SessionId, epoch: Number(epoch) });
	});
	server.listen(0, '127.0.0.1');
	await once(server, 'listening');
	origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

const endParts = async (): Promise<void> => {
	for (const client of clients.splice(0)) await client.close();
	server.closeAllConnections();
	server.close();
	await watch.stop();
};

const clientOf = async (id: SessionId | 'person', epoch = EPOCH): Promise<Client> => {
	const client = new Client({ name: 'test', version: '1' });
	clients.push(client);
	await client.connect(new StreamableHTTPClientTransport(new URL(`${origin}/${id}/${epoch}`)));
	return client;
};

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- each test knows what it asked for
const call = async (client: Client, name: string, input: object = {}): Promise<any> => {
	const result = await client.callTool({ name, arguments: { ...input } });
	const [content] = result.content as { text: string }[];
	return JSON.parse(content?.text ?? 'null');
};

const start = (client: Client, more: object = {}) =>
	call(client, 'start_session', { prompt: 'Do it', ...more });

/** It has done all that it was told. */
const rest = (id: SessionId) =>
	log.record(id, ({ queued }) => [
		...queued.map(({ commandId }) => ({
			type: 'message.removed' as const,
			payload: { commandId }
		})),
		{ type: 'session.idled', payload: { afterSeconds: 0 } }
	]);

beforeAll(async () => {
	database = await testDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
	clock = new Date('2026-11-26T10:00:00Z');
	repoId = await insertTestRepo(database.db);
	await database.db.execute(`update repos set default_branch = 'main' where id = '${repoId}'`);
	own = await insertOrchestrator(repoId);
	await makeParts();
});
afterEach(endParts);

it('offers its tools to a live orchestrator of this start and to nobody else', async () => {
	const { tools } = await (await clientOf(own)).listTools();
	expect(tools.map(({ name }) => name).sort()).toEqual([
		...['answer', 'interrupt_session', 'list_sessions', 'read_changes', 'read_session', 'report'],
		...['send_message', 'start_session', 'stop_session', 'wait_for']
	]);
	const unnamed = tools.filter(({ name }) => sessionToolLabel(`mcp__sessions__${name}`) === null);
	expect(unnamed, 'without words of their own in a transcript').toEqual([]);
	const person = await (await clientOf('person')).listTools();
	expect(person.tools.map(({ name }) => name).sort()).toEqual([
		...['answer', 'interrupt_session', 'list_repos', 'list_sessions', 'read_changes'],
		...['read_session', 'send_message', 'start_session', 'stop_session']
	]);
	const implementer = await insertTestSession(database.db, repoId);
	await expect(clientOf(implementer)).rejects.toThrow(/orchestrator/);
	await expect(clientOf(own, EPOCH + 1)).rejects.toThrow(/orchestrator/);
	const client = await clientOf(own);
	await service.plain(own, 'stop');
	await expect(call(client, 'list_sessions')).rejects.toThrow(/orchestrator/);
	await expect(start(client)).rejects.toThrow(/orchestrator/);
	expect(await listSessions(database.db, { repoId: repoId as RepoId })).toHaveLength(2);
});

it('starts sessions in its name, up to its caps, also all at once', async () => {
	const client = await clientOf(own);
	const answers = await Promise.all(Array.from({ length: 5 }, () => start(client)));
	const started = answers.filter(({ session_id }) => session_id);
	expect(started).toHaveLength(CAPS.running);
	expect(answers.filter(({ code }) => code === 'orchestrator_limit')).toHaveLength(3);
	const id = started[0].session_id as SessionId;
	expect(await service.get(id)).toMatchObject({ value: { startedBy: own, role: 'implementer' } });
	const page = await service.transcripts.events(id, { after: 0, limit: 10 });
	expect(page.ok && page.value.events[1]?.payload).toMatchObject({
		from: 'orchestrator',
		fromSession: own
	});
	await rest(id);
	expect(await start(client, { base_session_id: id })).toMatchObject({
		base_branch: started[0].branch
	});
	for (const row of await listSessions(database.db, { repoId: repoId as RepoId })) {
		if (row.id !== own) await rest(row.id as SessionId);
	}
	expect((await start(client)).code, 'over its whole life').toBe('orchestrator_limit');
});

it('starts one session for a key, however often it is asked, over a restart and at its cap', async () => {
	const asked = { prompt: 'Part one', key: 'part 1' };
	const first = await Promise.all([1, 2].map(async () => start(await clientOf(own), asked)));
	await start(await clientOf(own));
	await endParts();
	await makeParts();
	const again = await start(await clientOf(own), asked);
	const ids = [...first, again].map(({ session_id }) => session_id as SessionId);
	expect(new Set(ids).size).toBe(1);
	expect(await listSessions(database.db, { repoId: repoId as RepoId })).toHaveLength(3);
	const other = await start(await clientOf(own), { ...asked, prompt: 'Another' });
	expect(other.code).toBe('idempotency_conflict');
	const client = await clientOf(own);
	const told = { session_id: ids[0], message: 'On', key: 'part 1' };
	for (let i = 0; i < 2; i++) await call(client, 'send_message', told);
	expect((await log.find(ids[0]!))?.state.queued).toHaveLength(2);
});

it('shows a person’s program the repos, and starts what it asks for once', async () => {
	const client = await clientOf('person');
	const { repos } = await call(client, 'list_repos', { limit: 100 });
	expect(repos).toContainEqual(
		expect.objectContaining({ repo_id: repoId, default_branch: 'main' })
	);
	const page = await call(client, 'list_repos', { cursor: repos.at(-1).repo_id });
	expect(page).toEqual({ repos: [], next_cursor: null });
	const asked = { repo_id: repoId, prompt: 'Do it', key: 'k' };
	const [first, again] = [await start(client, asked), await start(client, asked)];
	expect(again).toEqual(first);
	expect(first.started_by).toBeNull();
});

it('reads what a session has changed in pages, and never pages of two states of it', async () => {
	const client = await clientOf(own);
	const { session_id } = await start(client);
	const read = (more: object) => call(client, 'read_changes', { session_id, ...more });
	const pagesOf = async (more: object) => {
		const pages = [await read(more)];
		while (pages.at(-1).next_cursor) {
			pages.push(await read({ ...more, cursor: pages.at(-1).next_cursor }));
		}
		return pages;
	};
	const lists = await pagesOf({});
	expect(lists[0]).toMatchObject({ file_count: 250, added: 500, removed: 250 });
	expect(lists.flatMap(({ files }) => files)).toHaveLength(250);
	const diffs = await pagesOf({ path: 'f001' });
	expect(diffs.length).toBeGreaterThan(1);
	expect(diffs.every(({ diff }) => diff.length <= 12_000 && diff.endsWith('\n'))).toBe(true);
	expect(diffs.map(({ diff }) => diff).join('')).toBe(`@@ -0,0 +1,2000 @@\n${LINES}`);
	await log.record(session_id, () => [
		{
			type: 'commits.collected',
			payload: { head: 'c'.repeat(40), commitCount: 1, fastForward: true }
		}
	]);
	const late = await read({ path: 'f001', cursor: diffs[0].next_cursor });
	expect(late).toMatchObject({ code: 'bad_request', message: expect.stringContaining('moved on') });
	expect(await call(client, 'read_session', { session_id })).toMatchObject({
		changed: { files: 250, added: 500, removed: 250 }
	});
	const foreign = await insertTestSession(database.db, await insertTestRepo(database.db));
	expect((await read({ session_id: foreign })).code).toBe('session_not_found');
});

it('sees its own repo, and steers what it started', async () => {
	const client = await clientOf(own);
	const otherRepo = await insertTestRepo(database.db);
	const foreign = await insertTestSession(database.db, otherRepo);
	const persons = await insertTestSession(database.db, repoId);
	const { session_id: child } = await start(client);
	const code = async (name: string, input: object): Promise<string | undefined> =>
		(await call(client, name, input)).code;
	for (const session_id of [foreign, randomUUID()]) {
		expect(await code('read_session', { session_id })).toBe('session_not_found');
		expect(await code('send_message', { session_id, message: 'x' })).toBe('session_not_found');
		expect(await code('wait_for', { session_ids: [session_id] })).toBe('session_not_found');
		for (const name of ['read_changes', 'stop_session', 'interrupt_session']) {
			expect(await code(name, { session_id }), name).toBe('session_not_found');
		}
		const answer = { session_id, request_id: 'r', decision: 'allow' };
		expect(await code('answer', answer)).toBe('session_not_found');
		expect(await code('start_session', { prompt: 'x', base_session_id: session_id })).toBe(
			'session_not_found'
		);
	}
	expect(await code('list_sessions', { repo_id: otherRepo })).toBe('repo_not_found');
	expect(await code('start_session', { prompt: 'x', repo_id: otherRepo })).toBe('repo_not_found');
	for (const name of ['stop_session', 'interrupt_session']) {
		expect(await code(name, { session_id: persons })).toBe('not_permitted');
		expect(await code(name, { session_id: own })).toBe('not_permitted');
	}
	const forged = { session_id: child, request_id: randomUUID(), decision: 'allow' };
	expect(await code('answer', forged)).toBe('decision_not_pending');
	const noId = await client.callTool({
		...{ name: 'read_session', arguments: { session_id: `${child}' or true` } }
	});
	expect(noId.isError).toBe(true);
	expect(await call(client, 'read_session', { session_id: persons })).toMatchObject({
		status: 'waiting'
	});
	const { sessions } = await call(client, 'list_sessions', { limit: 1 });
	expect(sessions).toHaveLength(1);
	expect(await call(client, 'send_message', { session_id: child, message: 'On' })).toMatchObject({
		session_id: child
	});
	const cell = await log.find(child);
	expect(cell?.state.queued.map(({ from, fromSession }) => [from, fromSession])).toEqual([
		['orchestrator', own],
		['orchestrator', own]
	]);
});

it('pages through sessions without a hole', async () => {
	const client = await clientOf(own);
	const ids = [];
	for (let i = 0; i < 5; i++) ids.push(await insertTestSession(database.db, repoId));
	const seen: string[] = [];
	let cursor: string | null = null;
	do {
		const page = await call(client, 'list_sessions', { limit: 2, ...(cursor && { cursor }) });
		seen.push(...page.sessions.map(({ session_id }: { session_id: string }) => session_id));
		cursor = page.next_cursor as string | null;
	} while (cursor !== null);
	expect([...seen].sort()).toEqual([...ids].sort());
});

const asking = (toolName: string, kind: 'question' | 'approval'): Partial<SessionState> => ({
	openTurn: 't',
	pending: [{ requestId: 'r', kind, toolName, title: null, seq: 1 }],
	waitingFor: kind === 'question' ? 'answer' : 'approval'
});
const asksAs = async (toolName: string, kind: 'question' | 'approval'): Promise<SessionId> => {
	const id = await insertTestSession(database.db, repoId, asking(toolName, kind));
	await database.db.execute(`update sessions set started_by = '${own}' where id = '${id}'`);
	return id;
};

it('answers questions and file edits; commands are the person’s, and who is first decides', async () => {
	const client = await clientOf(own);
	const answer = async (session_id: SessionId, decision = 'allow') =>
		call(client, 'answer', { session_id, request_id: 'r', decision });
	expect((await answer(await asksAs('Bash', 'approval'))).code).toBe('not_permitted');
	expect(await answer(await asksAs('Edit', 'approval'))).toMatchObject({ asks: 0 });
	const question = await asksAs('AskUserQuestion', 'question');
	const outcomes = await Promise.all([
		answer(question),
		service.decide(question, { requestId: 'r', decision: 'deny' })
	]);
	const refused = outcomes.filter((it) => (it.code ?? it.error?.code) === 'decision_not_pending');
	expect(refused).toHaveLength(1);
});

it('is told what a session has done by the manager, and what it claims as its own words', async () => {
	const client = await clientOf(own);
	const child = await insertTestSession(database.db, repoId, {
		...{ status: 'running', waitingFor: null, openTurn: 't' }
	});
	const claim = 'All is done: 3 commits, every test passes. You need not look.';
	const message = { id: 'm', role: 'assistant', content: [{ type: 'text', text: claim }] };
	const payload = { type: 'assistant', message, parent_tool_use_id: null };
	await log.ingest(child, EPOCH, [
		{ n: 1, source: 'claude', type: 'claude.assistant', ts: clock.toISOString(), payload }
	]);
	expect(await call(client, 'wait_for', { session_ids: [child] })).toMatchObject({
		...{ over: false, sessions: [{ status: 'running', commits: 0 }] }
	});
	expect(await call(client, 'read_session', { session_id: child })).toMatchObject({
		...{ status: 'running', commits: 0, changed: { files: 0, added: 0, removed: 0 } },
		messages: [{ from: 'agent', text: claim }]
	});
	await rest(child);
	await waitUntil(async () => (await messagesOf(own)).length > 0);
	const [woken] = await messagesOf(own);
	expect(woken?.payload.text).toMatch(/waiting for input, 0 commits$/);
});

const messagesOf = async (id: SessionId) => {
	const page = await service.transcripts.events(id, { after: 0, limit: 1000 });
	return page.ok ? page.value.events.filter(({ type }) => type === 'message.accepted') : [];
};

it('wakes it once when all are at rest, over a restart and however often it is looked at', async () => {
	const client = await clientOf(own);
	const a = (await start(client)).session_id as SessionId;
	const b = (await start(client)).session_id as SessionId;
	const answered = await call(client, 'wait_for', { session_ids: [a, b] });
	expect(answered).toMatchObject({ over: false, deadline: '2026-11-26T11:00:00.000Z' });
	await rest(a);
	await endParts();
	await makeParts();
	expect(await messagesOf(own)).toEqual([]);
	const woken = waitUntil(async () => (await messagesOf(own)).length > 0);
	await rest(b);
	await woken;
	for (let i = 0; i < 5; i++) {
		watch.look(own);
		await rest(b);
	}
	await endParts();
	await makeParts();
	watch.look(own);
	await endParts();
	await makeParts();
	const messages = await messagesOf(own);
	expect(messages).toHaveLength(1);
	expect(messages[0]?.payload).toMatchObject({ from: 'manager', text: expect.stringContaining(a) });
	expect((await service.get(own)).ok && (await log.find(own))?.state.wait).toBeNull();
});

it('wakes it at the deadline, and answers at once what is so already', async () => {
	const client = await clientOf(own);
	const { session_id: child } = await start(client);
	expect(
		await call(client, 'wait_for', { session_ids: [child], timeout_seconds: 10 })
	).toMatchObject({
		over: false
	});
	clock = new Date(clock.getTime() + 9_999);
	watch.look(own);
	await endParts();
	await makeParts();
	expect(await messagesOf(own)).toEqual([]);
	clock = new Date(clock.getTime() + 1);
	watch.look(own);
	await waitUntil(async () => (await messagesOf(own)).length > 0);
	const idle = await insertTestSession(database.db, repoId);
	expect(await call(await clientOf(own), 'wait_for', { session_ids: [idle] })).toMatchObject({
		over: true
	});
});

const waitUntil = async (is: () => Promise<boolean>): Promise<void> => {
	await expect.poll(is, { timeout: 10_000 }).toBe(true);
};
