/** Sandboxes ended in all the ways that the machine allows: does the session say which one it was. */
import type { ExitCause, Session } from '../../packages/protocol/src/session.ts';
import { quantile } from '../../bench/statistics.ts';
import { until } from '../support/app.ts';
import { initPid, processesIn } from '../support/lifecycle.ts';
import { runnerPid, signal } from './faults.ts';
import type { Figure } from './figure.ts';
import { World, type WorldSession } from './world.ts';

const LIGHT = 3;
const REAL = 2;
const NAMED_GOAL_MS = 5_000;
const GIVE_UP_MS = 60_000;
const AGENT = /^\/opt\/agent\/claude /;

interface Death {
	cause: ExitCause;
	/** Only where there is an agent. */
	real: boolean;
	pid: (world: World, sessionId: string) => number | null | undefined;
}

const DEATHS: readonly Death[] = [
	{ cause: 'runner', real: false, pid: ({ app }, id) => runnerPid(app, id) },
	{ cause: 'killed', real: false, pid: ({ app }, id) => initPid(app, id) },
	{ cause: 'agent', real: true, pid: ({ app }, id) => processesIn(app, id, AGENT)[0] }
];

const isUp = ({ status }: Session): boolean => status === 'running' || status === 'waiting';

const untilUp = (world: World, { id }: WorldSession): Promise<Session> =>
	world.app.sessionWhere(id, isUp, `${id} up`);

/** What it was called, and how long that took. */
const die = async (
	world: World,
	{ id }: WorldSession,
	death: Death
): Promise<{ named: ExitCause | null; ms: number }> => {
	const pid = await until(async () => death.pid(world, id), `a process to kill in ${id}`);
	signal(pid, 'SIGKILL');
	const begun = performance.now();
	const { exitCause } = await until(
		async () => {
			const session = await world.app.session(id);
			return session.status === 'error' ? session : null;
		},
		`the end of ${id}`,
		GIVE_UP_MS
	);
	return { named: exitCause, ms: performance.now() - begun };
};

export const causesFigure: Figure = {
	name: 'causes',
	measure: async ({ seed, deaths, say }) => {
		const world = await World.open(seed);
		try {
			for (let count = 0; count < LIGHT; count += 1)
				await world.startLight({ rate: 5, chars: 100 });
			for (let count = 0; count < REAL; count += 1)
				await world.startReal('[[demo: text text="Hi"]]');
			const times: number[] = [];
			let right = 0;
			while (times.length < deaths) {
				const session = world.pick(world.sessions);
				const death = world.pick(DEATHS.filter(({ real }) => !real || session?.light === false));
				if (!session || !death) continue;
				await untilUp(world, session);
				const { named, ms } = await die(world, session, death);
				times.push(ms);
				if (named === death.cause && ms <= NAMED_GOAL_MS) right += 1;
				else say(`${death.cause} was named ${named} after ${Math.round(ms)} ms`);
				if (times.length % 20 === 0) say(`${times.length} deaths`);
				await world.app.api('POST', `/api/sessions/${session.id}/resume`);
			}
			const p95 = Math.round(quantile(times, 0.95));
			return [
				{
					figure: 'cause of death named rightly within 5 s (runner, sandbox, agent)',
					goal: 'all of them',
					measured: `${right} of ${times.length}, p95 ${p95} ms`,
					ok: right === times.length
				}
			];
		} finally {
			await world.end();
		}
	}
};
