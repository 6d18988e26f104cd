import { randomUUID } from 'node:crypto';
import {
	existsSync,
	mkdirSync,
	readdirSync,
	renameSync,
	rmSync,
	symlinkSync,
	writeFileSync
} from 'node:fs';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RepoId } from '@agent-manager/protocol/ids.ts';
import { repoSchema, type Repo } from '@agent-manager/protocol/repo.ts';
import { ok } from '#lib/domain/result.ts';
import { initialSessionState } from '#lib/domain/session-state.ts';
import { insertSession } from '#lib/server/db/sessions.ts';
import { createGit } from '#lib/server/git/exec.ts';
import { createGithubCredentials } from '#lib/server/github/credentials.ts';
import {
	commitFiles,
	gitIn,
	makeRepo,
	tempFolder,
	type TempFolder
} from '../../../../tests/support/git-fixture.ts';
import {
	startGitHttpServer,
	type GitHttpServer
} from '../../../../tests/support/git-http-server.ts';
import { testDatabase, type TestDatabase } from '../../../../tests/support/postgres.ts';
import { createRemoteFinder } from './repo-remote.ts';
import { RepoService } from './repo-service.ts';

let database: TestDatabase;
let folder: TempFolder;
let workspaceRoot: string;
let changed: RepoId[];
let removed: RepoId[];
let purged: RepoId[];
let made: string[] = [];
let isThere = true;
let services: RepoService[];
let server: GitHttpServer | null = null;

beforeAll(async () => {
	database = await testDatabase();
});

afterAll(() => database.close());

beforeEach(() => {
	folder = tempFolder('repos');
	workspaceRoot = join(folder.path, 'workspace');
	mkdirSync(workspaceRoot);
	changed = [];
	removed = [];
	purged = [];
	made = [];
	isThere = true;
	services = [];
});

afterEach(async () => {
	await Promise.all(services.map((service) => service.stop()));
	await server?.close();
	server = null;
	await database.db.execute(sql`delete from repos`);
	folder.remove();
});

const makeService = (resolve = () => Promise.resolve(['140.82.121.4'])): RepoService => {
	const policy = { allowGitHosts: server ? [server.host] : [], resolve };
	const credentials = createGithubCredentials({ env: {}, ghProgram: 'gh-that-is-not-there' });
	const service = new RepoService({
		onRulesChanged: async () => undefined,
		db: database.db,
		git: createGit(),
		workspaceRoot,
		isWorkspaceThere: () => Promise.resolve(isThere),
		policy,
		remoteFor: createRemoteFinder(policy, credentials, 'https://github.com'),
		now: () => new Date(),
		newId: randomUUID,
		logger: pino({ level: 'silent' }),
		purgeSessions: (id) => {
			purged.push(id);
			return Promise.resolve(ok());
		},
		onChange: (id) => changed.push(id),
		onMirrorMade: (id) => made.push(id),
		lookMs: 50,
		onRemoved: (id) => removed.push(id)
	});
	services.push(service);
	return service;
};

const must = <T>(result: { ok: true; value: T } | { ok: false; error: { message: string } }): T => {
	if (!result.ok) throw new Error(result.error.message);
	return result.value;
};

/** Registers and waits for the clone. */
const add = async (service: RepoService, url: string): Promise<Repo> => {
	const { id } = must(await service.register(url));
	await service.settled(id);
	return must(await service.get(id));
};

/** A repository without a commit. */
const makeEmpty = (): string => {
	const path = join(folder.path, 'empty');
	mkdirSync(path);
	gitIn(path, 'init', '--quiet');
	return path;
};

const mirrorOf = (repo: Repo): string => {
	const [name] = readdirSync(join(workspaceRoot, 'repos', 'local')).filter((entry) =>
		entry.startsWith(repo.name)
	);
	return join(workspaceRoot, 'repos', 'local', name ?? '');
};

const addLiveSession = (repoId: RepoId, status: 'running' | 'stopped' = 'running') =>
	insertSession(database.db, {
		id: randomUUID(),
		repoId,
		role: 'implementer',
		title: 'Test',
		goalPrompt: 'Test',
		branchName: `agent/${randomUUID()}`,
		baseBranch: 'main',
		permissionMode: 'full',
		conversationId: randomUUID(),
		status,
		state: initialSessionState()
	});

describe('registering', () => {
	it('answers at once and clones in the background', async () => {
		const service = makeService();
		const path = makeRepo(join(folder.path, 'app'));
		const answered = must(await service.register(path));
		expect(repoSchema.parse(answered)).toMatchObject({
			kind: 'local',
			name: 'app',
			url: path,
			status: 'cloning',
			defaultBranch: null
		});
		await service.settled(answered.id);
		expect(must(await service.get(answered.id))).toMatchObject({
			status: 'ready',
			defaultBranch: 'main',
			branches: ['main'],
			progress: null,
			error: null,
			fetchedAt: expect.stringMatching(/Z$/)
		});
		expect(changed).toContain(answered.id);
		expect(await service.list()).toMatchObject([{ id: answered.id, counts: { total: 0 } }]);
	});

	it('knows a repo again, under any of its addresses', async () => {
		const service = makeService();
		const path = makeRepo(join(folder.path, 'app'));
		const link = join(folder.path, 'link');
		symlinkSync(path, link);
		const [one, two] = await Promise.all([service.register(path), service.register(link)]);
		const first = one.ok ? one : two;
		const second = one.ok ? two : one;
		expect(second).toMatchObject({
			ok: false,
			error: { code: 'repo_exists', details: { repoId: must(first).id } }
		});
		expect(await service.register(`${path}/`)).toMatchObject({
			ok: false,
			error: { code: 'repo_exists' }
		});
		await service.settled(must(first).id);
	});

	it('refuses at once what can be seen at once, and writes nothing down', async () => {
		const service = makeService();
		mkdirSync(join(folder.path, 'plain'));
		writeFileSync(join(folder.path, 'file'), '');
		makeRepo(join(folder.path, 'app'), { 'sub/a.txt': 'a' });
		makeRepo(join(workspaceRoot, 'inside'));
		symlinkSync(join(workspaceRoot, 'inside'), join(folder.path, 'way-in'));
		const cases = [
			['/nowhere/at/all', 'repo_path_invalid'],
			['/etc', 'repo_path_invalid'],
			[join(folder.path, 'plain'), 'repo_path_invalid'],
			[join(folder.path, 'file'), 'repo_path_invalid'],
			[join(folder.path, 'app', 'sub'), 'repo_path_invalid'],
			[workspaceRoot, 'repo_path_invalid'],
			[join(workspaceRoot, 'inside'), 'repo_path_invalid'],
			[join(folder.path, 'way-in'), 'repo_path_invalid'],
			['--upload-pack=touch marker', 'repo_url_invalid'],
			['https://user:pass@github.com/o/r', 'repo_url_invalid'],
			['https://127.0.0.1/o/r', 'repo_host_not_allowed'],
			['https://[::1]/o/r', 'repo_host_not_allowed'],
			['https://169.254.169.254/latest/meta-data', 'repo_host_not_allowed'],
			['ssh://git@localhost/o/r', 'repo_host_not_allowed'],
			['git@192.168.1.1:o/r', 'repo_host_not_allowed']
		] as const;
		for (const [url, code] of cases) {
			expect(await service.register(url), url).toMatchObject({ ok: false, error: { code } });
		}
		expect(await service.list()).toEqual([]);
	});

	it('refuses a name that leads to a private host, without connecting', async () => {
		server = await startGitHttpServer({ root: folder.path });
		const { port, requests } = server;
		const service = makeService(() => Promise.resolve(['127.0.0.1']));
		const refused = await service.register(`https://inside.example:${port}/o/r`);
		expect(refused).toMatchObject({ ok: false, error: { code: 'repo_host_not_allowed' } });
		expect(requests).toEqual([]);
	});

	it('shows on the repo what only the clone could find out', async () => {
		server = await startGitHttpServer({
			root: join(folder.path, 'served'),
			credentials: 'me:secret'
		});
		const service = makeService();
		expect(await add(service, `${server.origin}/o/r.git`)).toMatchObject({
			status: 'error',
			error: { code: 'repo_auth_required' }
		});
		expect(await add(service, makeEmpty())).toMatchObject({
			status: 'error',
			defaultBranch: null,
			error: { code: 'repo_empty' }
		});
	});
});

describe('refreshing', () => {
	it('brings what is new', async () => {
		const service = makeService();
		const path = makeRepo(join(folder.path, 'app'));
		const repo = await add(service, path);
		gitIn(path, 'checkout', '--quiet', '-b', 'later');
		commitFiles(path, { 'b.txt': 'b\n' });
		expect(must(await service.refresh(repo.id))).toMatchObject({ status: 'ready', progress: {} });
		await service.settled(repo.id);
		expect(must(await service.get(repo.id))).toMatchObject({
			defaultBranch: 'later',
			branches: expect.arrayContaining(['later', 'main'])
		});
	});

	it('mends a clone that failed', async () => {
		const service = makeService();
		const path = join(folder.path, 'app');
		mkdirSync(path);
		gitIn(path, 'init', '--quiet', '--initial-branch=main');
		const repo = await add(service, path);
		commitFiles(path, { 'a.txt': 'a\n' });
		expect(must(await service.refresh(repo.id))).toMatchObject({ status: 'cloning', error: null });
		await service.settled(repo.id);
		expect(must(await service.get(repo.id))).toMatchObject({ status: 'ready', error: null });
	});

	it('that fails leaves the repo usable, and says why', async () => {
		const service = makeService();
		const path = makeRepo(join(folder.path, 'app'));
		const repo = await add(service, path);
		rmSync(path, { recursive: true });
		await service.refresh(repo.id);
		await service.settled(repo.id);
		expect(must(await service.get(repo.id))).toMatchObject({
			status: 'ready',
			error: { code: 'repo_missing_remote' },
			fetchedAt: repo.fetchedAt
		});
	});

	it('follows a repo that its server has moved', async () => {
		const work = makeRepo(join(folder.path, 'work'));
		gitIn(folder.path, 'clone', '--quiet', '--bare', work, 'served/team/new.git');
		server = await startGitHttpServer({ root: join(folder.path, 'served') });
		server.redirects.set('/team/old.git', '/team/new.git');
		const service = makeService();
		expect(await add(service, `${server.origin}/team/old.git`)).toMatchObject({
			status: 'ready',
			name: 'new',
			url: `${server.origin}/team/new.git`
		});
		expect(await service.register(`${server.origin}/team/new`)).toMatchObject({
			ok: false,
			error: { code: 'repo_exists' }
		});
	});

	it('of an unknown repo is refused', async () => {
		const service = makeService();
		const unknown = randomUUID() as RepoId;
		const refused = { ok: false, error: { code: 'repo_not_found' } };
		expect(await service.refresh(unknown)).toMatchObject(refused);
		expect(await service.get(unknown)).toMatchObject(refused);
		expect(await service.remove(unknown, { force: true })).toMatchObject(refused);
	});
});

describe('removing', () => {
	it('takes mirror and row away', async () => {
		const service = makeService();
		const path = makeRepo(join(folder.path, 'app'));
		const repo = await add(service, path);
		const mirror = mirrorOf(repo);
		expect(existsSync(mirror)).toBe(true);
		expect(await service.remove(repo.id, { force: false })).toEqual({
			ok: true,
			value: { removed: true, savedBranches: [], savedTo: null }
		});
		expect(existsSync(mirror)).toBe(false);
		expect(await service.list()).toEqual([]);
		expect([purged, removed]).toEqual([[repo.id], [repo.id]]);
		expect(gitIn(path, 'status', '--porcelain')).toBe('');
		expect(await add(service, path)).toMatchObject({ status: 'ready' });
	});

	it('is refused while sessions live, unless forced', async () => {
		const service = makeService();
		const repo = await add(service, makeRepo(join(folder.path, 'app')));
		await addLiveSession(repo.id, 'stopped');
		await addLiveSession(repo.id);
		expect(await service.remove(repo.id, { force: false })).toMatchObject({
			ok: false,
			error: { code: 'repo_in_use', details: { live: 1 } }
		});
		expect(purged).toEqual([]);
		expect(await service.remove(repo.id, { force: true })).toMatchObject({ ok: true });
		expect(purged).toEqual([repo.id]);
	});

	it('never deletes commits that are nowhere else: refused, or saved to a file that is named', async () => {
		const service = makeService();
		const path = makeRepo(join(folder.path, 'app'));
		const repo = await add(service, path);
		const mirror = mirrorOf(repo);
		gitIn(folder.path, 'clone', '--quiet', path, 'elsewhere');
		const tip = commitFiles(join(folder.path, 'elsewhere'), { 'work.txt': 'work\n' });
		for (const ref of ['refs/heads/agent/x', 'refs/saved/s1/agent/y']) {
			gitIn(mirror, 'fetch', '--quiet', join(folder.path, 'elsewhere'), `HEAD:${ref}`);
		}
		const names = ['agent/x', 'refs/saved/s1/agent/y'];
		expect(await service.remove(repo.id, { force: false })).toMatchObject({
			ok: false,
			error: { code: 'repo_unpushed_commits', details: { branches: names } }
		});
		const gone = must(await service.remove(repo.id, { force: true }));
		expect(gone.savedBranches).toEqual(names);
		expect(gone.savedTo).toMatch(new RegExp(`^${workspaceRoot}/saved/app-.*\\.bundle$`));
		gitIn(folder.path, 'init', '--quiet', 'back');
		gitIn(
			join(folder.path, 'back'),
			'fetch',
			'--quiet',
			gone.savedTo ?? '',
			'refs/heads/agent/x:x'
		);
		expect(gitIn(join(folder.path, 'back'), 'rev-parse', 'x')).toBe(tip);
		expect(existsSync(mirror)).toBe(false);
	});

	it('ends a clone that hangs', async () => {
		server = await startGitHttpServer({ root: folder.path });
		server.stalled = true;
		const service = makeService();
		const { id } = must(await service.register(`${server.origin}/o/r.git`));
		expect(await service.remove(id, { force: false })).toMatchObject({ ok: true });
		expect(await service.list()).toEqual([]);
	});
});

describe('after a restart', () => {
	it('an interrupted clone begins anew, over what was left', async () => {
		const path = makeRepo(join(folder.path, 'app'));
		server = await startGitHttpServer({ root: folder.path });
		server.stalled = true;
		const first = makeService();
		const { id } = must(await first.register(`${server.origin}/app`));
		await first.stop();
		expect(must(await first.get(id))).toMatchObject({ status: 'cloning' });
		const mirror = join(workspaceRoot, 'repos', `127.0.0.1_${server.port}`, 'app.git');
		gitIn(folder.path, 'init', '--quiet', '--bare', mirror);
		writeFileSync(join(mirror, 'packed-refs.lock'), '');
		server.stalled = false;
		const second = makeService();
		await second.recover();
		await second.settled(id);
		expect(must(await second.get(id))).toMatchObject({ status: 'ready', defaultBranch: 'main' });
		expect(path).toBeTruthy();
	});

	it('a mirror that has vanished is made again, and leftovers go', async () => {
		const service = makeService();
		const repo = await add(service, makeRepo(join(folder.path, 'app')));
		rmSync(join(workspaceRoot, 'repos'), { recursive: true });
		const leftover = join(workspaceRoot, 'repos', '.removed', 'x');
		mkdirSync(leftover, { recursive: true });
		await service.recover();
		await service.settled(repo.id);
		expect(existsSync(mirrorOf(repo))).toBe(true);
		expect(existsSync(leftover)).toBe(false);
	});

	it('a mirror that was being made again is made, and that is said', async () => {
		const path = makeRepo(join(folder.path, 'app'));
		server = await startGitHttpServer({ root: folder.path });
		const first = makeService();
		const { id } = await add(first, `${server.origin}/app`);
		server.stalled = true;
		rmSync(join(workspaceRoot, 'repos'), { recursive: true });
		await first.recover();
		await first.stop();
		server.stalled = false;
		made = [];
		const second = makeService();
		await second.recover();
		await expect.poll(() => made, { timeout: 30_000 }).toEqual([id]);
		expect(existsSync(path)).toBe(true);
	});
});

describe('a mirror that is taken away while its remote is away', () => {
	it('is made again as soon as that is back, and the repo says so meanwhile', async () => {
		const service = makeService();
		const path = makeRepo(join(folder.path, 'app'));
		const repo = await add(service, path);
		const now = async () => must(await service.get(repo.id));
		await service.recover();
		made = [];
		renameSync(path, `${path}-away`);
		rmSync(join(workspaceRoot, 'repos'), { recursive: true });
		await expect
			.poll(now, { timeout: 30_000 })
			.toMatchObject({ status: 'error', error: { code: 'repo_missing_remote' } });
		renameSync(`${path}-away`, path);
		await expect.poll(now, { timeout: 30_000 }).toMatchObject({ status: 'ready', error: null });
		expect(made).toEqual([repo.id]);
	});

	it('is nothing to conclude from while the whole workspace is away', async () => {
		const service = makeService();
		const repo = await add(service, makeRepo(join(folder.path, 'app')));
		const other = await add(service, makeRepo(join(folder.path, 'other')));
		await service.recover();
		isThere = false;
		const mirror = mirrorOf(repo);
		renameSync(mirror, `${mirror}-away`);
		await service.refresh(other.id);
		await service.settled(other.id);
		expect(must(await service.get(repo.id))).toMatchObject({ status: 'ready', progress: null });
		expect(existsSync(mirror)).toBe(false);
		isThere = true;
		await expect.poll(() => existsSync(mirror), { timeout: 30_000 }).toBe(true);
	});

	it('is not tried again where there never was one', async () => {
		const service = makeService();
		await service.recover();
		const repo = await add(service, makeEmpty());
		expect(repo).toMatchObject({ status: 'error', error: { code: 'repo_empty' } });
		changed = [];
		const other = await add(service, makeRepo(join(folder.path, 'other')));
		rmSync(mirrorOf(other), { recursive: true });
		await expect.poll(() => made.length, { timeout: 30_000 }).toBe(2);
		expect(changed).not.toContain(repo.id);
	});
});
