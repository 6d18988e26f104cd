/**
 * The manager is killed at random moments of a session's life and started again: all converges, there is
 * a sandbox for each session that has a use for one, and nothing is lost or comes twice. Seeded: a run
 * that fails is run again with `SEED`.
 */
import { expect, test } from '@playwright/test';
import type { Session } from '../../packages/protocol/src/session.ts';
import { TestApp } from '../support/app.ts';
import { tempFolder } from '../support/git-fixture.ts';
import { seeded } from '../support/seeded.ts';
import { atRest, ended, makeRepo, untilSandboxesFit, violations } from '../support/lifecycle.ts';

const SEED = Number(process.env.SEED ?? 20_261_123);
const ROUNDS = Number(process.env.ROUNDS ?? 6);

const COMMANDS = [
	'start',
	'message',
	'stop',
	'sleep',
	'finish',
	'purge',
	'interrupt',
	'resume'
] as const;
type Command = (typeof COMMANDS)[number];

const isSettled = (session: Session): boolean => ended(session) || atRest(session);

test('a killed manager comes back to the same sessions', async () => {
	test.setTimeout(300_000);
	const random = seeded(SEED);
	const repo = tempFolder('repo');
	makeRepo(repo.path);
	const app = await new TestApp({ SANDBOX_DRIVER: 'bubblewrap' }).start();
	const prompt =
		'[[demo: text chunks=10 interval=20]] [[demo: tools bash="date >> d"]] [[demo: commit message="On"]]';
	try {
		const { id: repoId } = await app.addRepo(repo.path);
		const list = async (): Promise<Session[]> =>
			(await app.api('GET', `/api/repos/${repoId}`)).body.sessions as Session[];
		/** One command, asked for and not waited for. */
		const ask = async (command: Command): Promise<void> => {
			const all = await list();
			const one = all[Math.floor(random() * all.length)];
			if (command === 'start' || !one) {
				if (all.length < 3) await app.startSession(repoId, prompt);
				return;
			}
			const body = command === 'message' ? { message: prompt } : undefined;
			const path = command === 'message' ? 'messages' : command;
			const { status } = await app.api('POST', `/api/sessions/${one.id}/${path}`, body);
			expect([202, 409, 404], `${command} ${status}`).toContain(status);
		};
		for (let round = 0; round < ROUNDS; round++) {
			const asked: string[] = [];
			for (let i = 0; i < 3; i++) {
				const command = COMMANDS[Math.floor(random() * COMMANDS.length)] ?? 'start';
				asked.push(command);
				await ask(command);
				await new Promise((resolve) => setTimeout(resolve, random() * 400));
			}
			await app.kill();
			await app.start();
			const where = `seed ${SEED}, round ${round}: ${asked.join(' ')}`;
			for (const { id } of await list()) {
				await app.sessionWhere(id, isSettled, where).catch(async (cause: unknown) => {
					// Purged meanwhile is as good as settled.
					if ((await app.api('GET', `/api/sessions/${id}`)).status !== 404) throw cause;
				});
			}
			await untilSandboxesFit(app, repoId);
			for (const session of await list()) {
				const events = await app.events(session.id);
				expect(violations(events), `${where}: ${session.id}`).toEqual([]);
				expect(session.error, where).toBeNull();
			}
		}
	} finally {
		await app.remove();
		repo.remove();
	}
});
