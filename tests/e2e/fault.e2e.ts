/**
 * A slice of the fault suite (`npm run test:fault` is the whole): kills, freezes and cuts on a seeded
 * schedule, and a server made wrong on purpose that the same checker must catch.
 */
import { expect, test } from '@playwright/test';
import { CONTROLS, runControl } from '../fault/controls.ts';
import { breakSomething, killManager, startLoad } from '../fault/kills.ts';
import { PageViewer } from '../fault/page-viewer.ts';
import { World } from '../fault/world.ts';

const SEED = Number(process.env.SEED ?? 20_261_126);
const KILLS = 6;
const OTHER_FAULTS = 8;

// What is lost once is lost: never tried once more.
test.describe.configure({ mode: 'serial', timeout: 600_000, retries: 0 });

let world: World;

test.beforeAll(async () => {
	test.setTimeout(120_000);
	world = await World.open(SEED);
});

test.afterAll(async () => {
	test.setTimeout(120_000);
	await world.end();
});

test('nothing is lost, comes twice or out of order, whatever breaks', async () => {
	await startLoad(world, 2, 1);
	const [watched] = world.sessions;
	if (watched) world.pages.push(await PageViewer.open(world.app, watched.id));
	for (let count = 0; count < OTHER_FAULTS; count += 1) await breakSomething(world);
	await killManager(world, { kills: KILLS, endAt: null, onKill: () => undefined });
	const { violations, events } = await world.check();
	expect(violations, `seed ${SEED}`).toEqual([]);
	expect(events).toBeGreaterThan(100);
});

// The other two meet their moment only now and then: the whole suite gives them the rounds for it.
for (const control of CONTROLS.filter(({ name }) => name === 'ack before commit')) {
	test(`the checker catches a server with ${control.name}`, async () => {
		const { violations } = await runControl(world, control);
		expect(new Set(violations.map(({ kind }) => kind))).toContain(control.finds);
	});
}
