/** A hundred starts asked for within a second, each twice, and all of them purged again: ten times over. */
import { randomUUID } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Session } from '../../packages/protocol/src/session.ts';
import { IDEMPOTENCY_HEADER } from '../../packages/protocol/src/requests.ts';
import { until } from '../support/app.ts';
import type { Figure } from './figure.ts';
import { orderText } from './light/order.ts';
import { queryDatabase } from './log-rows.ts';
import { World } from './world.ts';

const STARTS = 100;
const ROUNDS = 10;
const WITHIN_MS = 1_000;
/** Some come up, the others wait in line and are purged there. */
const RUNNING = 4;
const PURGED_MS = 300_000;

const listFolder = (path: string): string[] => {
	try {
		return readdirSync(path).filter((name) => !name.startsWith('.'));
	} catch {
		return [];
	}
};

/** Asks for all of them, spread over a second, each twice with its key; the sessions' ids as answered. */
const askForAll = async (world: World): Promise<string[]> => {
	const additionalInstructions = orderText({ seed: 1, rate: 1, chars: 10 });
	const ask = async (key: string): Promise<string> => {
		const path = `/api/repos/${world.repoId}/sessions`;
		const body = { goalPrompt: 'Speak.', additionalInstructions };
		const answer = await world.app.api('POST', path, body, { [IDEMPOTENCY_HEADER]: key });
		if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
		return (answer.body.session as Session).id;
	};
	const answers = Array.from({ length: STARTS }, async (_, index) => {
		await delay((index / STARTS) * WITHIN_MS);
		const key = randomUUID();
		return Promise.all([ask(key), ask(key)]);
	});
	return (await Promise.all(answers)).flat();
};

const listSessions = async (world: World): Promise<Session[]> =>
	(await world.app.api('GET', `/api/repos/${world.repoId}/sessions`)).body.sessions as Session[];

/** What purged sessions must not leave behind, by the name of its kind. */
const leftovers = async (world: World): Promise<string[]> => {
	const { workspace } = world.app;
	const mirrors = listFolder(join(workspace, 'repos', 'local'));
	const refs = mirrors.flatMap((name) =>
		execFileSync('git', ['for-each-ref', '--format=%(refname)'], {
			cwd: join(workspace, 'repos', 'local', name),
			encoding: 'utf8'
		})
			.split('\n')
			.filter((ref) => /^refs\/(heads|base|saved)\//.test(ref))
	);
	const rows = await queryDatabase<{ count: string }>(world.app, 'select count(*) from events');
	return [
		...listFolder(join(workspace, 'sandboxes')).map((name) => `sandbox ${name}`),
		...listFolder(join(workspace, 'worktrees')).map((name) => `worktree ${name}`),
		...listFolder(join(workspace, 'sessions')).map((name) => `session folder ${name}`),
		...refs.map((ref) => `ref ${ref}`),
		...(rows[0]?.count === '0' ? [] : [`${rows[0]?.count} events`])
	];
};

const purgeAll = async (world: World, sessions: readonly Session[]): Promise<void> => {
	for (const { id } of sessions) await world.app.api('DELETE', `/api/sessions/${id}?purge=true`);
	await until(async () => (await listSessions(world)).length === 0, 'all purged', PURGED_MS);
};

interface Round {
	twice: number;
	neither: number;
	left: string[];
}

const playRound = async (world: World): Promise<Round> => {
	const ids = new Set(await askForAll(world));
	const sessions = await listSessions(world);
	const known = new Set(sessions.map(({ id }) => id as string));
	const neither = [...ids].filter((id) => !known.has(id)).length;
	const failed = sessions.filter(({ status }) => status === 'error' || status === 'stopped').length;
	await purgeAll(world, sessions);
	return {
		twice: Math.max(0, sessions.length - STARTS),
		neither: neither + failed,
		left: await leftovers(world)
	};
};

export const startsFigure: Figure = {
	name: 'starts',
	measure: async ({ seed, say }) => {
		const world = await World.open(seed, { MAX_RUNNING_SESSIONS: String(RUNNING) });
		try {
			const rounds: Round[] = [];
			while (rounds.length < ROUNDS) {
				const round = await playRound(world);
				rounds.push(round);
				for (const thing of round.left.slice(0, 5)) say(`left behind: ${thing}`);
				say(`round ${rounds.length}`);
			}
			const sum = (count: (round: Round) => number): number =>
				rounds.reduce((total, round) => total + count(round), 0);
			const twice = sum((round) => round.twice);
			const neither = sum((round) => round.neither);
			const left = sum((round) => round.left.length);
			return [
				{
					figure: `${STARTS} starts asked in 1 s, each twice, then purged; ${ROUNDS} times`,
					goal: 'each started or queued, none twice, nothing left',
					measured: `${neither} neither, ${twice} twice, ${left} left behind`,
					ok: neither + twice + left === 0
				}
			];
		} finally {
			await world.end();
		}
	}
};
