import { expect, it } from 'vitest';
import type { SessionId } from '@agent-manager/protocol/ids.ts';
import { freshSteps, initialSessionState, type SessionState } from '#lib/domain/session-state.ts';
import { RunQueue } from './run-queue.ts';

const id = (name: string): SessionId => name as SessionId;
const asked = (second: number): SessionState => ({
	...initialSessionState(),
	startAskedAt: `2026-01-02T03:04:0${second}.000Z`
});
const begun = (state: SessionState): SessionState => ({
	...state,
	steps: freshSteps().map((step) => ({ ...step, status: 'done' }))
});
const rests: SessionState = { ...initialSessionState(), status: 'waiting', waitingFor: 'input' };
const stopped: SessionState = { ...initialSessionState(), status: 'stopped', desired: 'stopped' };

const makeQueue = (maxRunning: number) => {
	const heard: string[] = [];
	const queue: RunQueue = new RunQueue({
		maxRunning,
		onAdmitted: (name) => heard.push(`${name} may start`),
		onMoved: (name) => heard.push(`${name} is ${queue.position(name) ?? 'out'}`)
	});
	const next = (): string[] => heard.splice(0);
	return { queue, next };
};

it('lets one in, tells the others their places, and moves them up as others rest or are called off', () => {
	const { queue, next } = makeQueue(1);
	queue.see(id('a'), asked(1));
	expect(next()).toEqual(['a may start']);
	for (const [index, name] of ['b', 'c', 'd'].entries()) queue.see(id(name), asked(index + 2));
	expect(next()).toEqual(['b is 1', 'c is 2', 'd is 3']);
	expect(['a', 'b'].map((name) => queue.mayStart(id(name)))).toEqual([true, false]);
	queue.see(id('a'), begun(asked(1)));
	expect(next(), 'its place is its own until it rests').toEqual([]);
	queue.see(id('c'), stopped);
	expect(next()).toEqual(['c is out', 'd is 2']);
	queue.see(id('a'), rests);
	expect(next()).toEqual(['b is out', 'd is 1', 'b may start']);
	queue.forget(id('b'));
	expect(next(), 'purged').toEqual(['d is out', 'd may start']);
});

it('is the same line for the next manager, in whatever order it finds them', () => {
	const rows = [3, 1, 2].map((second) => ({ id: id(`s${second}`), state: asked(second) }));
	const { queue, next } = makeQueue(2);
	queue.seeAll([{ id: id('x'), state: begun(asked(9)) }, ...rows]);
	expect(next()).toEqual(['s2 is 1', 's3 is 2', 's1 may start']);
	expect(queue.mayStart(id('x')), 'a start that had begun goes on').toBe(true);
});

it('sends one that comes back to the end of the line', () => {
	const { queue, next } = makeQueue(1);
	queue.seeAll([
		{ id: id('a'), state: asked(1) },
		{ id: id('b'), state: asked(2) }
	]);
	queue.see(id('a'), stopped);
	queue.see(id('a'), asked(3));
	expect(next()).toEqual(['b is 1', 'a may start', 'b is out', 'b may start', 'a is 1']);
});
