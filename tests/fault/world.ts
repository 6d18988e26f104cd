/**
 * One app with sessions that speak and viewers that listen, and at the end the question whether all
 * of them know the same.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { transcriptHash } from '../../src/lib/domain/canonical-json.ts';
import type { Session } from '../../packages/protocol/src/session.ts';
import { TestApp, until } from '../support/app.ts';
import { makeRepo } from '../support/git-fixture.ts';
import { ended } from '../support/lifecycle.ts';
import { seeded } from '../support/seeded.ts';
import { checkSession, type PageEvidence, type Violation } from './checker.ts';
import { orderText, type LightOrder } from './light/order.ts';
import { readLogRows } from './log-rows.ts';
import { readOutbox } from './outbox-truth.ts';
import type { PageViewer } from './page-viewer.ts';
import { ProgramViewer } from './program-viewer.ts';
import { makeStage } from './stage.ts';

/** Sessions of this suite never rest: none shall wait for another. */
const ENVIRONMENT = {
	SANDBOX_DRIVER: 'bubblewrap',
	LOG_LEVEL: 'warn',
	MAX_RUNNING_SESSIONS: '0'
};
const ENDED_MS = 90_000;

export interface WorldSession {
	id: string;
	light: boolean;
}

export interface Verdict {
	violations: Violation[];
	/** Events in the database, of all the sessions that were looked at. */
	events: number;
	records: number;
}

export class World {
	readonly app: TestApp;
	readonly folder: string;
	readonly random: () => number;
	readonly sessions: WorldSession[] = [];
	readonly viewers: ProgramViewer[] = [];
	readonly pages: PageViewer[] = [];
	repoId = '';

	private constructor(folder: string, app: TestApp, seed: number) {
		this.folder = folder;
		this.app = app;
		this.random = seeded(seed);
	}

	/** An app that runs, with one repo. */
	static async open(seed: number, env: Record<string, string> = {}): Promise<World> {
		const folder = mkdtempSync(join(tmpdir(), 'am-fault-'));
		const stage = await makeStage(join(folder, 'stage'));
		const app = new TestApp({ ...ENVIRONMENT, ...env }, { root: stage });
		const world = new World(folder, app, seed);
		const repo = join(folder, 'repo');
		makeRepo(repo);
		await app.start();
		world.repoId = (await app.addRepo(repo)).id;
		return world;
	}

	/** A whole number from 0 up to, not including, `below`. */
	upTo(below: number): number {
		return Math.floor(this.random() * below);
	}

	pick<T>(from: readonly T[]): T | undefined {
		return from[this.upTo(from.length)];
	}

	async startLight(order: Omit<LightOrder, 'seed'>): Promise<WorldSession> {
		const additionalInstructions = orderText({ ...order, seed: this.upTo(1e9) });
		const session = await this.app.startSession(this.repoId, 'Speak.', { additionalInstructions });
		return this.#follow({ id: session.id, light: true });
	}

	/** One with the real runner and the real agent. */
	async startReal(prompt: string): Promise<WorldSession> {
		const session = await this.app.startSession(this.repoId, prompt);
		return this.#follow({ id: session.id, light: false });
	}

	addViewer(name: string, options: { fromSnapshot?: boolean } = {}): ProgramViewer {
		const viewer = new ProgramViewer(this.app, name, this.random, options);
		for (const { id } of this.sessions) viewer.follow(id);
		this.viewers.push(viewer);
		return viewer;
	}

	/** Resolves when every session given is `running`. */
	async untilRunning(sessions: readonly WorldSession[] = this.sessions): Promise<void> {
		for (const { id } of sessions) {
			await this.app.sessionWhere(id, ({ status }) => status === 'running', `${id} at work`);
		}
	}

	/** Ends the sessions, waits until all who look have come to the end, and compares. */
	async check(
		sessions: readonly WorldSession[] = this.sessions,
		patienceMs = 60_000
	): Promise<Verdict> {
		for (const session of sessions) await this.#askToEnd(session);
		const verdict: Verdict = { violations: [], events: 0, records: 0 };
		for (const { id } of sessions) {
			const { head } = await until<Session>(
				async () => {
					const session = await this.app.session(id).catch(() => null);
					return session && ended(session) ? session : null;
				},
				`the end of ${id}`,
				ENDED_MS
			);
			await this.#untilSeen(id, head, patienceMs);
			const { events, records, violations } = await this.#judge(id, patienceMs);
			verdict.violations.push(...violations);
			verdict.events += events;
			verdict.records += records;
		}
		return verdict;
	}

	async end(): Promise<void> {
		for (const viewer of this.viewers) viewer.end();
		for (const page of this.pages) await page.end().catch(() => undefined);
		if (!this.app.isRunning) await this.app.start();
		await this.app.remove();
		rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
	}

	/** Again until it is granted: right after a fault the app may still have to say 503. */
	async #askToEnd({ id, light }: WorldSession): Promise<void> {
		const path = `/api/sessions/${id}/${light ? 'finish' : 'stop'}`;
		let said: unknown;
		const ask = async (): Promise<boolean> => {
			const { status, body } = await this.app.api('POST', path);
			said = body;
			return status < 300 || ended(await this.app.session(id));
		};
		await until(() => ask().catch(() => false), `a yes to ${path}`, ENDED_MS).catch(
			(cause: unknown) => {
				throw new Error(`the app does not let ${id} end: ${JSON.stringify(said)}`, { cause });
			}
		);
	}

	#follow(session: WorldSession): WorldSession {
		this.sessions.push(session);
		for (const viewer of this.viewers) viewer.follow(session.id);
		return session;
	}

	/** What they have not seen by then they will not see; the checker says what it was. */
	async #untilSeen(id: string, head: number, patienceMs: number): Promise<void> {
		await until(
			async () => this.viewers.every((viewer) => viewer.cursor(id) >= head),
			'the viewers',
			patienceMs
		).catch(() => undefined);
	}

	async #judge(sessionId: string, patienceMs: number): Promise<Verdict> {
		const { rows, events } = await readLogRows(this.app, sessionId);
		const head = rows.at(-1)?.seq ?? 0;
		const pages: PageEvidence[] = [];
		const gone: Violation[] = [];
		for (const page of this.pages.filter((it) => it.sessionId === sessionId)) {
			const window = await page.window(head, patienceMs).catch(() => null);
			if (!window) {
				// What the others saw still counts.
				gone.push({ kind: 'lost', where: page.name, sessionId, what: 'all: its browser ended' });
				continue;
			}
			const due = events.filter(({ seq }) => seq >= window.first && seq <= window.head);
			pages.push({ name: page.name, ...window, dueHash: transcriptHash(due) });
		}
		const truth = readOutbox(this.app.workspace, sessionId);
		const viewers = this.viewers.map((viewer) => viewer.evidence(sessionId));
		const violations = checkSession({ sessionId, truth, rows, viewers, pages });
		return { violations: [...violations, ...gone], events: rows.length, records: truth.length };
	}
}
