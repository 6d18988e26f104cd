/**
 * A turned agent on the real road: what it finds in its sandbox, what it reaches, what its git, its
 * links and its token make the host do. Canaries stand where a person's secrets are; at the end they
 * are looked for everywhere that anything is said or stored.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readdirSync, lstatSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { expect, test } from '@playwright/test';
import pg from 'pg';
import WebSocket from 'ws';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { PROTOCOL_VERSION } from '@agent-manager/protocol/protocol-version.ts';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import type { Repo } from '@agent-manager/protocol/repo.ts';
import { startEmbeddedPostgres } from '../../src/lib/server/db/embedded-postgres.ts';
import { sessionToken } from '../../src/lib/server/sessions/session-tokens.ts';
import { TestApp, until } from '../support/app.ts';
import { DRIVERS, engineFor } from '../support/driver-engine.ts';
import { commitFiles, gitIn, tempFolder, type TempFolder } from '../support/git-fixture.ts';
import { atRest, ended, eventsAtRest, makeRepo, Viewer } from '../support/lifecycle.ts';
import { createRecordingUpstream, type RecordingUpstream } from '../support/recording-upstream.ts';

const CANARY = {
	model: 'sk-ant-canary-5b1f0c7a9e3d48f2',
	github: 'ghp_canary5b1f0c7a9e3d48f2aa71',
	login: 'sk-ant-oat01-canary-77aa02c4d1',
	home: 'canary-of-the-home-9c42e0b6'
};

const HOME_FILES: Record<string, string> = {
	'.claude/.credentials.json': JSON.stringify({
		claudeAiOauth: { accessToken: CANARY.login, expiresAt: 4_102_444_800_000 }
	}),
	'.netrc': `machine example.org login me password ${CANARY.home}\n`,
	'.gitconfig': `[http]\n\textraHeader = X-Canary: ${CANARY.home}\n`,
	'.git-credentials': `https://me:${CANARY.home}@example.org\n`,
	'.config/gh/hosts.yml': `github.com:\n  oauth_token: ${CANARY.home}\n`,
	'.ssh/id_ed25519': `${CANARY.home}\n`
};

const fixture = (name: string): string =>
	readFileSync(join(import.meta.dirname, '../fixtures', name), 'utf8');

interface Stage {
	app: TestApp;
	upstream: RecordingUpstream;
	repo: Repo;
	/** A folder of the host that anybody may write to and no sandbox sees. */
	marker: TempFolder;
	/** A folder of the host with a file that nobody may change. */
	prey: TempFolder;
}

const bash = (command: string): string => `[[demo: tools bash="${command}"]]`;

/** Runs the hostile script in a session; what it says of each attempt. */
const attack = async (stage: Stage, victim: string): Promise<string> => {
	const { app, repo, marker } = stage;
	const mirrors = join(app.workspace, 'repos', 'local');
	const env = {
		HOST_HOME: app.home,
		WORKSPACE: app.workspace,
		VICTIM: victim,
		MIRROR: join(mirrors, readdirSync(mirrors)[0] ?? ''),
		PORT: new URL(app.origin).port,
		MARKER: marker.path
	};
	const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
	const { id } = await app.startSession(
		repo.id,
		bash(`${words.join(' ')} sh hostile-agent.sh > verdict.txt; cat verdict.txt loot.txt`)
	);
	const session = await app.sessionWhere(id, atRest, 'the end of the attack');
	expect(session.commitCount).toBe(1);
	return id;
};

/** A frame of this many bytes, of which only the beginning comes. */
class Announced {
	readonly head: Buffer;

	constructor(bytes: number) {
		this.head = Buffer.from([0x81, 0xff, ...Buffer.alloc(8), 1, 2, 3, 4, 5, 6]);
		this.head.writeBigUInt64BE(BigInt(bytes), 2);
	}
}

/** What one who has a session's token says at a door; how it ended. Commands come after the welcome. */
const sayAtDoor = (
	socketPath: string,
	token: string,
	hello: object | null,
	frame: string | Buffer | Announced | null
): Promise<string> =>
	new Promise((resolve) => {
		const socket = connect(socketPath);
		const ws = new WebSocket(`ws+unix:${socketPath}:/runner`, {
			headers: { authorization: `Bearer ${token}` },
			createConnection: () => socket
		});
		const say = (): unknown =>
			frame instanceof Announced ? socket.write(frame.head) : frame && ws.send(frame);
		ws.on('open', () => (hello ? ws.send(JSON.stringify(hello)) : say()));
		ws.on('message', (data) => {
			const { kind } = JSON.parse((data as Buffer).toString()) as { kind: string };
			if (kind === 'welcome') say();
			if (kind !== 'nack' && kind !== 'ack') return;
			resolve(kind);
			ws.close();
		});
		ws.on('error', (error) => resolve(error.message));
		ws.on('close', (code) => resolve(String(code)));
	});

const forged = (n: number, source: string): string =>
	JSON.stringify({
		kind: 'records',
		records: [{ n, ts: '2026-01-02T03:04:05.000Z', source, type: 'forged.event', payload: {} }]
	});

/** The attacker's own runner comes back between two forgeries and ends one in its middle: again then. */
const forge = (...args: Parameters<typeof sayAtDoor>): Promise<string> =>
	until(async () => {
		const answer = await sayAtDoor(...args);
		return answer === '1001' ? null : answer;
	}, 'the door’s answer');

const forgeFrames = async (app: TestApp, attacker: string, victim: string): Promise<void> => {
	const secret = readFileSync(join(app.workspace, 'secret'), 'utf8').trim();
	const token = sessionToken(secret, attacker as SessionId, 1);
	const doorOf = (id: string): string => join(app.workspace, 'sessions', id, 'door', 'door.sock');
	const door = doorOf(attacker);
	const hello = {
		...{ kind: 'hello', v: PROTOCOL_VERSION, sessionId: attacker, epoch: 1 },
		...{ lastN: 0, lastCommand: 0 }
	};
	const closed: [string, object | null, string | Buffer | Announced | null, RegExp][] = [
		['another session', { ...hello, sessionId: victim }, null, /^4003$/],
		['a higher epoch', { ...hello, epoch: 99 }, null, /^4003$/],
		['no epoch', { ...hello, epoch: 0 }, null, /^4002$/],
		['far ahead', hello, forged(1_000_000, 'runner'), /^nack$/],
		['the manager’s words', hello, forged(1, 'manager'), /^4002$/],
		['garbage', null, '{"kind":', /^4002$/],
		['bytes', null, Buffer.from([0, 255, 1]), /^4002$/],
		['too much', hello, new Announced(100 * 1_048_576), /^1009$/]
	];
	for (const [what, first, then, answer] of closed) {
		expect(await forge(door, token, first, then), what).toMatch(answer);
	}
	const old = sessionToken(secret, attacker as SessionId, 2);
	expect(await forge(door, old, hello, null), 'another epoch’s token').toContain('401');
	expect(await forge(doorOf(victim), token, hello, null), 'another’s door').toContain('401');
	expect(JSON.stringify(await app.events(attacker))).not.toContain('forged.event');
};

/** Everything that can be seen of a folder of the host: names, owners, times and contents. */
const sight = (folder: string): string[] =>
	['', ...(readdirSync(folder, { recursive: true }) as string[])].sort().map((name) => {
		const { mode, uid, gid, mtimeMs, ctimeMs } = lstatSync(join(folder, name));
		const isFile = lstatSync(join(folder, name)).isFile();
		const content = isFile ? readFileSync(join(folder, name), 'utf8') : '';
		return [name, mode, uid, gid, mtimeMs, ctimeMs, content].join(' ');
	});

/** Links to the host where the app reads and writes; then everything that touches the folder again. */
const plantLinks = async ({ app, prey }: Stage, id: string): Promise<void> => {
	const before = sight(prey.path);
	const message = bash(`PREY=${prey.path} sh hostile-links.sh`);
	expect((await app.api('POST', `/api/sessions/${id}/messages`, { message })).status).toBe(202);
	const folder = join(app.workspace, 'sessions', id);
	const isLink = (name: string): boolean =>
		lstatSync(join(folder, name), { throwIfNoEntry: false })?.isSymbolicLink() === true;
	await until(async () => isLink('claude') && isLink('outbox'), 'the planted links');
	await app.api('POST', `/api/sessions/${id}/stop`);
	await app.sessionWhere(id, ended, 'the stop');
	expect((await app.api('POST', `/api/sessions/${id}/resume`)).status).toBe(202);
	await app.sessionWhere(id, (it) => ended(it) || atRest(it), 'the end of the resume');
	const starts = (await app.events(id)).filter(({ type }) => type === 'session.start_requested');
	expect(starts).toHaveLength(2);
	expect(sight(prey.path)).toEqual(before);
};

const dumpOf = async (app: TestApp): Promise<string> => {
	const server = await startEmbeddedPostgres({ folder: join(app.workspace, 'postgres') });
	if (!server.ok) throw new Error(server.error.message);
	const client = new pg.Client(server.value.url);
	await client.connect();
	const { rows: tables } = await client.query<{ name: string }>(
		`select format('%I.%I', schemaname, tablename) as name from pg_tables
		 where schemaname not in ('pg_catalog', 'information_schema')`
	);
	const all: string[] = [];
	for (const { name } of tables) {
		const { rows } = await client.query<{ row: string }>(`select t::text as row from ${name} t`);
		all.push(...rows.map(({ row }) => row));
	}
	await client.end();
	return all.join('\n');
};

/** Files under the workspace, but for the database's own and the two that hold the app's secrets. */
const filesWith = (app: TestApp, needle: string): string[] => {
	const { stdout } = spawnSync(
		'grep',
		['-rlIaF', '--exclude-dir=postgres', '-D', 'skip', '-e', needle, '--', app.workspace],
		{ encoding: 'utf8', maxBuffer: 1 << 26 }
	);
	const own = [join(app.workspace, 'token'), join(app.workspace, 'secret')];
	return stdout.split('\n').filter((path) => path !== '' && !own.includes(path));
};

const expectNoCanary = async (
	{ app, upstream, repo }: Stage,
	sessions: { victim: string; attacker: string },
	events: SessionEvent[],
	viewer: Viewer
): Promise<void> => {
	const secret = readFileSync(join(app.workspace, 'secret'), 'utf8').trim();
	const tokenOf = (id: string): string => sessionToken(secret, id as SessionId, 1);
	const paths = ['/api/about', '/api/health', '/api/repos', `/api/repos/${repo.id}`];
	const answers = await Promise.all(paths.map((path) => app.api('GET', path)));
	const log = app.output.replaceAll(app.link, '');
	const said = {
		events: JSON.stringify(events),
		frames: JSON.stringify(viewer.frames),
		log,
		api: JSON.stringify(answers),
		database: await dumpOf(app)
	};
	const { victim, attacker } = sessions;
	expect(said.events, 'the attack shows').toContain(tokenOf(attacker));
	expect(said.database).toContain(attacker);
	expect(said.frames).toContain(victim);
	expect(log).toContain('"level":"debug"');
	expect(log).not.toContain(tokenOf(attacker));
	expect(filesWith(app, tokenOf(attacker)), 'files are looked through').not.toEqual([]);
	const needles = { ...CANARY, token: app.token, secret, victim: tokenOf(victim) };
	for (const [name, needle] of Object.entries(needles)) {
		for (const [where, text] of Object.entries(said)) {
			expect(text.includes(needle), `${name} in ${where}`).toBe(false);
		}
		expect(filesWith(app, needle), name).toEqual([]);
	}
	expect(upstream.requests.length).toBeGreaterThan(3);
	for (const { headers, body } of upstream.requests) {
		expect(headers['x-api-key']).toBe(CANARY.model);
		expect(headers.authorization).toBeUndefined();
		for (const id of [victim, attacker]) {
			expect(JSON.stringify(headers)).not.toContain(tokenOf(id));
		}
		expect(body.includes(tokenOf(victim))).toBe(false);
		expect(body.includes(CANARY.model)).toBe(false);
	}
};

const expectDenials = (events: SessionEvent[], port: number): void => {
	const denied = events
		.filter(({ type }) => type === 'egress.denied')
		.map(({ payload }) => `${String(payload.host)}:${String(payload.port)}`);
	expect(denied.sort()).toEqual(
		[
			...[`127.0.0.1:${port}`, `127.0.0.1:${port}`, `localhost:${port}`, `::1:${port}`],
			...['192.0.2.1:443', '169.254.169.254:443', 'evil.example:443'],
			...['registry.npmjs.org.evil.example:443', 'registry.npmjs.org:22']
		].sort()
	);
};

for (const driver of DRIVERS) {
	test.describe(`a turned agent with ${driver}`, () => {
		const folders = [tempFolder('repo'), tempFolder('marker'), tempFolder('prey')] as const;
		const [source, marker, prey] = folders;
		let stage: Stage;
		let stopEngine: () => Promise<void> = async () => undefined;

		test.beforeAll(async () => {
			const engine = await engineFor(driver);
			test.skip('skipped' in engine, 'skipped' in engine ? engine.skipped : '');
			if ('skipped' in engine) return;
			stopEngine = engine.stop;
			makeRepo(source.path);
			const scripts = ['hostile-agent.sh', 'hostile-links.sh'];
			commitFiles(source.path, Object.fromEntries(scripts.map((name) => [name, fixture(name)])));
			chmodSync(marker.path, 0o777);
			writeFileSync(join(prey.path, 'file'), 'untouched\n');
			const upstream = await createRecordingUpstream();
			const app = new TestApp({
				...engine.env,
				...{ SANDBOX_DRIVER: driver, MODEL_UPSTREAM: 'auto', LOG_LEVEL: 'trace' },
				...{ ANTHROPIC_API_KEY: CANARY.model, GITHUB_TOKEN: CANARY.github },
				ANTHROPIC_BASE_URL: upstream.baseUrl
			});
			for (const [name, text] of Object.entries(HOME_FILES)) {
				mkdirSync(dirname(join(app.home, name)), { recursive: true });
				writeFileSync(join(app.home, name), text);
			}
			await app.start();
			stage = { app, upstream, marker, prey, repo: await app.addRepo(source.path) };
		});
		test.afterAll(async () => {
			await stage?.app.remove();
			await stage?.upstream.close();
			for (const folder of folders) folder.remove();
			await stopEngine();
		});

		test('finds no secret, reaches nobody, and moves nothing on the host', async () => {
			const { app, repo } = stage;
			const { id: victim } = await app.startSession(repo.id, '[[demo: text text="quiet"]]');
			await app.sessionWhere(victim, atRest, 'the victim at rest');
			const untouched = await eventsAtRest(app, victim);
			const viewer = await Viewer.open(app);
			viewer.send({ type: 'subscribe.session', sessionId: victim, afterSeq: 0 }, 'subscribe');
			viewer.send({ type: 'subscribe.repo_list' }, 'subscribe');

			const attacker = await attack(stage, victim);
			viewer.send({ type: 'subscribe.session', sessionId: attacker, afterSeq: 0 }, 'subscribe');
			const worktree = join(app.workspace, 'worktrees', attacker);
			const verdict = readFileSync(join(worktree, 'verdict.txt'), 'utf8').trim().split('\n');
			const attempts = fixture('hostile-agent.sh').match(/^try /gm)?.length;
			expect(verdict.filter((line) => !line.endsWith(': no'))).toEqual([
				'tools: here',
				'done: here'
			]);
			expect(verdict.filter((line) => line.endsWith(': no'))).toHaveLength(attempts ?? 0);
			const loot = readFileSync(join(worktree, 'loot.txt'), 'utf8');
			expect([...loot.matchAll(/^ *(\w+): +\d+ +\d+ +\d+ +\d+ /gm)].map(([, it]) => it)).toEqual([
				'lo'
			]);
			for (const canary of Object.values(CANARY)) expect(loot).not.toContain(canary);
			expectDenials(await app.events(attacker), Number(new URL(app.origin).port));

			await forgeFrames(app, attacker, victim);
			const events = [...(await app.events(attacker)), ...(await app.events(victim))];
			await plantLinks(stage, attacker);
			expect(await app.events(victim)).toEqual(untouched);
			events.push(...(await app.events(attacker)));
			await expectNoCanary(stage, { victim, attacker }, events, viewer);

			expect(readdirSync(stage.marker.path)).toEqual([]);
			spawnSync('sh', [join(worktree, '.git/mark')]);
			expect(readdirSync(stage.marker.path), 'the mark works').toHaveLength(1);
			expect((await app.api('DELETE', `/api/sessions/${attacker}?purge=true`)).status).toBe(202);
			await until(
				async () => (await app.api('GET', `/api/sessions/${attacker}`)).status === 404,
				'the purge'
			);
			expect(readFileSync(join(prey.path, 'file'), 'utf8')).toBe('untouched\n');
			expect(readdirSync(prey.path)).toEqual(['file']);
			expect(readdirSync(stage.marker.path)).toHaveLength(1);
			expect(gitIn(source.path, 'status', '--porcelain')).toBe('');
			expect(readdirSync(app.home)).toContain('.netrc');
			viewer.ws.close();
		});
	});
}
