import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { REPO_ID, sampleSession } from '../../../tests/support/sample-session.ts';
import { NewSession } from './new-session.svelte.ts';

const fetchMock = vi.fn<typeof fetch>();
const answer = (status: number, body: object): Response =>
	new Response(JSON.stringify(body), {
		status,
		headers: { 'content-type': 'application/json' }
	});
const sent = () =>
	fetchMock.mock.calls.map(([path, init]) => ({
		path,
		body: JSON.parse(String(init?.body)) as Record<string, unknown>,
		key: (init?.headers as Record<string, string>)['idempotency-key']
	}));

beforeEach(() => {
	localStorage.clear();
	fetchMock.mockReset();
	vi.stubGlobal('fetch', fetchMock);
});
afterEach(() => vi.unstubAllGlobals());

it('starts with what was chosen and leaves the rest to the server', async () => {
	fetchMock.mockResolvedValue(answer(201, { session: sampleSession() }));
	const form = new NewSession(REPO_ID);
	form.prompt = 'Fix the login form';
	form.branchSuffix = ' login ';
	expect((await form.start())?.title).toBe('Fix the login form');
	expect(sent()[0]).toMatchObject({
		path: `/api/repos/${REPO_ID}/sessions`,
		body: {
			goalPrompt: 'Fix the login form',
			role: 'implementer',
			permissionMode: 'full',
			branchSuffix: 'login'
		}
	});
	expect(Object.keys(sent()[0]?.body ?? {})).not.toContain('model');
	expect(form.prompt).toBe('');
});

it('keeps the prompt over a reload until a session has taken it', async () => {
	const form = new NewSession(REPO_ID);
	form.prompt = 'Half a thought';
	expect(new NewSession(REPO_ID).prompt).toBe('Half a thought');
	fetchMock.mockResolvedValue(answer(201, { session: sampleSession() }));
	await form.start();
	expect(new NewSession(REPO_ID).prompt).toBe('');
});

it('starts with the files that were attached, and keeps them until then', async () => {
	const id = '0b5c2b6e-8b1d-4f43-9b53-0d6c7c3e4f5a';
	const facts = { id, kind: 'text', name: 'a.txt', mediaType: 'text/plain', bytes: 1, lines: 1 };
	localStorage.setItem(`draft-files:repos/${REPO_ID}`, JSON.stringify([facts]));
	const form = new NewSession(REPO_ID);
	form.prompt = 'Read this';
	fetchMock.mockResolvedValue(answer(409, { error: { code: 'branch_exists', message: 'No.' } }));
	await form.start();
	expect(new NewSession(REPO_ID).files.ready).toEqual([facts]);
	fetchMock.mockResolvedValue(answer(201, { session: sampleSession() }));
	await form.start();
	expect(sent()[1]?.body.attachments).toEqual([id]);
	expect(new NewSession(REPO_ID).files.ready).toEqual([]);
});

it('says what was refused and keeps the words', async () => {
	const error = { code: 'branch_exists', message: 'It exists.', hint: 'Choose another.' };
	fetchMock.mockResolvedValue(answer(409, { error }));
	const form = new NewSession(REPO_ID);
	form.prompt = 'Fix it';
	expect(await form.start()).toBeNull();
	expect(form.error).toEqual(error);
	expect(form.prompt).toBe('Fix it');
});

it('tries again with the same key when nobody answered, and starts once', async () => {
	fetchMock.mockRejectedValueOnce(new TypeError('network'));
	fetchMock.mockImplementation(async () => answer(201, { session: sampleSession() }));
	const form = new NewSession(REPO_ID);
	form.prompt = 'Fix it';
	expect(await form.start()).toBeNull();
	expect(form.error?.message).toContain('could not be reached');
	await form.start();
	form.prompt = 'Fix it';
	await form.start();
	const keys = sent().map((request) => request.key);
	expect(keys[1]).toBe(keys[0]);
	expect(keys[2]).not.toBe(keys[0]);
});

it('refuses what can be no branch before it is sent', async () => {
	const form = new NewSession(REPO_ID);
	expect(form.ready).toBe(false);
	form.prompt = 'Fix it';
	expect(form.ready).toBe(true);
	form.branchSuffix = 'no good';
	expect(form.suffixProblem).toContain('character');
	expect(await form.start()).toBeNull();
	expect(fetchMock).not.toHaveBeenCalled();
});

it('survives an answer that is no JSON', async () => {
	fetchMock.mockResolvedValue(new Response('<html>', { status: 502, statusText: 'Bad Gateway' }));
	const form = new NewSession(REPO_ID);
	form.prompt = 'Fix it';
	await form.start();
	expect(form.error).toMatchObject({ code: 'internal' });
	expect(form.error?.message).toContain('502');
});
