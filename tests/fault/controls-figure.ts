import { countViolations } from './checker.ts';
import { CONTROLS, runControl } from './controls.ts';
import type { Figure, Row } from './figure.ts';
import { World } from './world.ts';

/** The suite's own proof: servers that break the promise are caught. */
export const controlsFigure: Figure = {
	name: 'controls',
	measure: async ({ seed, say }) => {
		const world = await World.open(seed);
		try {
			world.addViewer('viewer');
			const rows: Row[] = [];
			for (const control of CONTROLS) {
				say(control.name);
				const { caught, violations } = await runControl(world, control);
				const counts = Object.entries(countViolations(violations));
				const found = counts.filter(([, count]) => count > 0);
				rows.push({
					figure: `a server with ${control.name}`,
					goal: 'caught',
					measured: found.map(([kind, count]) => `${count} ${kind}`).join(', ') || 'nothing found',
					ok: caught
				});
			}
			return rows;
		} finally {
			await world.end();
		}
	}
};
