/** The manager's clock is moved by an hour, both ways: nothing is concluded from it. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';
import { TestApp, until } from '../support/app.ts';
import { tempFolder } from '../support/git-fixture.ts';
import { atRest, makeRepo, violations } from '../support/lifecycle.ts';

const LIBRARIES = ['x86_64', 'aarch64'].map(
	(machine) => `/usr/lib/${machine}-linux-gnu/faketime/libfaketime.so.1`
);
const library = LIBRARIES.find((path) => existsSync(path));
const HOUR_SECONDS = 3_600;
/** Run before the app: what it starts has the machine's own clock. */
const ALONE =
	'--import=data:text/javascript,delete(process.env.LD_PRELOAD),delete(process.env.NODE_OPTIONS)';
/** Several looks of every watch. */
const LOOKS_MS = 12_000;

test('an hour forth and back puts nothing to sleep, and calls nothing idle, silent or dead', async () => {
	test.skip(!library, 'libfaketime is not installed: apt install faketime');
	test.setTimeout(180_000);
	const repo = tempFolder('repo');
	const clock = tempFolder('clock');
	makeRepo(repo.path);
	const file = join(clock.path, 'offset');
	const move = (seconds: number): void =>
		writeFileSync(file, `${seconds >= 0 ? '+' : ''}${seconds}\n`);
	move(0);
	const app = await new TestApp({
		SANDBOX_DRIVER: 'bubblewrap',
		SLEEP_AFTER_SECONDS: '900',
		LD_PRELOAD: library ?? '',
		NODE_OPTIONS: ALONE,
		FAKETIME_TIMESTAMP_FILE: file,
		FAKETIME_NO_CACHE: '1',
		FAKETIME_DONT_FAKE_MONOTONIC: '1'
	}).start();
	try {
		const { id: repoId } = await app.addRepo(repo.path);
		const idle = await app.startSession(repoId, '[[demo: text text="idle"]]');
		await app.sessionWhere(idle.id, atRest, 'rest');
		const busy = await app.startSession(repoId, '[[demo: text chunks=1500 interval=40]]');
		await app.sessionWhere(busy.id, ({ status }) => status === 'running', 'the turn');
		for (const seconds of [HOUR_SECONDS, -HOUR_SECONDS]) {
			move(seconds);
			await until(async () => {
				const { headers } = await fetch(`${app.origin}/api/health`);
				const offMs = Date.parse(headers.get('date') ?? '') - Date.now();
				return Math.abs(offMs - seconds * 1_000) < 60_000;
			}, 'the clock');
			await new Promise((resolve) => setTimeout(resolve, LOOKS_MS));
			expect(await app.session(idle.id)).toMatchObject({
				status: 'waiting',
				asleep: false,
				unresponsive: null
			});
			expect((await app.session(busy.id)).status).toBe('running');
			const more = await app.startSession(repoId, '[[demo: text text="more"]]');
			const { steps } = await app.sessionWhere(more.id, atRest, 'a start by the new clock');
			for (const { durationMs } of steps) expect(durationMs).toBeGreaterThanOrEqual(0);
		}
		for (const { id } of [idle, busy]) {
			const events = await app.events(id);
			expect(violations(events)).toEqual([]);
			const wrong = /slept|idled|stopped_answering|failed|sandbox.exited/;
			expect(events.filter(({ type }) => wrong.test(type))).toEqual([]);
			for (const { payload } of events) {
				for (const [key, value] of Object.entries(payload)) {
					if (/Ms$|Seconds$/.test(key) && value !== null) {
						expect(value, key).toBeGreaterThanOrEqual(0);
					}
				}
			}
		}
	} finally {
		await app.remove();
		repo.remove();
		clock.remove();
	}
});
