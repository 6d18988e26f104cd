/** What is mended by itself, what waits for a person, and a manager that is killed between steps. */
import { describe, expect, it } from 'vitest';
import pino from 'pino';
import type { Finding, RepairAction } from '@agent-manager/protocol/health.ts';
import type { Listings, Rows } from '#lib/domain/inventory-facts.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { DiskMeter } from './disk-use.ts';
import { InventoryKeeper } from './inventory-keeper.ts';

const A = '11111111-1111-4111-8111-111111111111';
const LONG_AGO = 1;

/** A workspace in memory: what is there, and what each repair takes away. */
const makeWorld = () => {
	const sandboxes = new Set(['a', 'b', 'c']);
	const folders = new Set([A]);
	const state = { fails: new Set<string>(), failure: null as string | null };
	const listings = (): Listings => {
		const none = { ok: true as const, items: [] };
		const listed = [...sandboxes].map((name) => ({
			...{ kind: 'docker' as const, id: name, name, owner: 'session' as const, session: name },
			...{ running: true, sinceMs: LONG_AGO }
		}));
		const entries = [...folders].map((name) => ({ name, isFolder: true, sinceMs: LONG_AGO }));
		return {
			sandboxes:
				state.failure === null
					? { ok: true, items: listed }
					: { ok: false, problem: state.failure },
			sessionFolders: { ok: true, items: entries },
			...{ worktrees: none, sockets: none, mirrors: none, mirrorLeftovers: none, refs: none },
			...{ bundles: none, root: none, events: none }
		};
	};
	const rows: Rows = { sessions: [], repos: [], openDoors: new Set() };
	const take = (from: Set<string>, found: Finding): Result<void, WireError> => {
		if (state.fails.has(found.name)) return fail(wireError('engine_unreachable', 'It hangs.'));
		from.delete(found.name.replace('sessions/', ''));
		return ok();
	};
	const repairs = {
		remove_sandbox: (found: Finding) => Promise.resolve(take(sandboxes, found)),
		remove_session_folder: (found: Finding) => Promise.resolve(take(folders, found))
	} as unknown as Record<RepairAction, (found: Finding) => Promise<Result<void, WireError>>>;
	const acted: string[] = [];
	const makeKeeper = (wrap = repairs): InventoryKeeper =>
		new InventoryKeeper({
			read: () =>
				Promise.resolve({ listings: listings(), rows, sessions: [], repos: [], failures: [] }),
			repairs: wrap,
			confirmLease: () => Promise.resolve(),
			disk: new DiskMeter('/nonexistent', Date.now),
			measured: () => ({ sessions: [], repos: [] }),
			databaseSizes: () => Promise.reject(new Error('not asked')),
			acted: (action, outcome) => acted.push(`${action} ${outcome}`),
			logger: pino({ level: 'silent' }),
			now: () => new Date('2026-11-26T12:00:00Z'),
			nowMs: () => performance.now()
		});
	return { sandboxes, folders, state, repairs, acted, makeKeeper };
};

describe('InventoryKeeper', () => {
	it('mends by itself what can lose nothing, and leaves the rest to a person', async () => {
		const { sandboxes, folders, acted, makeKeeper } = makeWorld();
		const keeper = makeKeeper();
		const { findings, repaired } = await keeper.look();
		expect([...sandboxes]).toEqual([]);
		expect([...folders]).toEqual([A]);
		expect(findings.map(({ kind }) => kind)).toEqual(['session_folder']);
		expect(keeper.waiting).toBe(1);
		expect(repaired.map(({ byItself }) => byItself)).toEqual([true, true, true]);
		expect(acted).toEqual(Array(3).fill('remove_sandbox done'));
		const outcomes = await keeper.repair(findings.map(({ id }) => id));
		expect(outcomes.map(({ repaired: done }) => done)).toEqual([true]);
		expect([...folders]).toEqual([]);
		expect(keeper.waiting).toBe(0);
	});

	it.each([0, 1, 2])('comes to the same end when it is killed after %i repairs', async (steps) => {
		const { sandboxes, repairs, makeKeeper } = makeWorld();
		let left = steps;
		const killed = makeKeeper({
			...repairs,
			// What is killed neither answers nor goes on.
			remove_sandbox: (found) =>
				left-- > 0 ? repairs.remove_sandbox(found) : new Promise<never>(() => undefined)
		});
		void killed.look();
		await new Promise((resolve) => setImmediate(resolve));
		expect(sandboxes.size).toBe(3 - steps);
		await makeKeeper().look();
		expect(sandboxes.size).toBe(0);
	});

	it('says why a repair failed, goes on with the others, and tries again', async () => {
		const { sandboxes, state, makeKeeper } = makeWorld();
		state.fails.add('b');
		const keeper = makeKeeper();
		const { findings } = await keeper.look();
		expect([...sandboxes]).toEqual(['b']);
		expect(findings.find(({ name }) => name === 'b')?.problem).toMatch(/^It hangs\./);
		expect(keeper.waiting).toBe(2);
		state.fails.clear();
		expect((await keeper.look()).findings.map(({ name }) => name)).toEqual([`sessions/${A}`]);
	});

	it('does nothing about what a failed listing leaves open', async () => {
		const { sandboxes, state, makeKeeper } = makeWorld();
		state.failure = 'The engine does not answer.';
		await makeKeeper().look();
		expect(sandboxes.size).toBe(3);
	});

	it('counts as mended what is not so any more', async () => {
		const { makeKeeper } = makeWorld();
		const outcomes = await makeKeeper().repair(['orphan:worktree:gone']);
		expect(outcomes).toEqual([{ id: 'orphan:worktree:gone', repaired: true, problem: null }]);
	});
});
