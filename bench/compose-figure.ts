/** From `docker compose up` on built images to the page, beside a second `npm start`. */
import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { makeComposeStack } from '../tests/compose/compose-stack.ts';
import { freePort } from '../tests/support/free-port.ts';
import { nowMs } from './clock.mjs';
import { ms, notMeasured, signed, type Figure } from './figure.ts';
import { median } from './statistics.ts';
import { endProcess, ROOT, type Workbench } from './workbench.ts';

const FIGURE = 'docker compose up, images built → page served';
const GOAL = '≤ +5 s';
const POLL_MS = 20;

/** The page to sign in: drawn by the app, so it is ready. */
const pageServed = async (origin: string): Promise<void> => {
	for (;;) {
		const page = await fetch(`${origin}/sign-in`).catch(() => null);
		const text = page?.ok ? await page.text() : '';
		if (text.includes('</html>') && text.includes('token')) return;
		await pause(POLL_MS);
	}
};

const npmStart = async (bench: Workbench, home: string): Promise<number> => {
	const port = await freePort();
	const startedAt = nowMs();
	const child: ChildProcess = spawn('npm', ['start'], {
		cwd: ROOT,
		stdio: 'ignore',
		env: {
			...process.env,
			...{ HOME: home, WORKSPACE_ROOT: `${home}/workspace`, PORT: String(port) },
			...{ MODEL_UPSTREAM: 'demo', SANDBOX_DRIVER: 'bubblewrap' }
		}
	});
	bench.onEnd(() => endProcess(child));
	await pageServed(`http://127.0.0.1:${port}`);
	const tookMs = nowMs() - startedAt;
	await endProcess(child);
	return tookMs;
};

export const composeFigure: Figure = {
	name: 'compose',
	runs: 5,
	async measure(bench, runs) {
		const stack = await makeComposeStack();
		if ('skipped' in stack) return [notMeasured(FIGURE, GOAL, stack.skipped)];
		bench.onEnd(() => stack.close());
		bench.say('building the images');
		await stack.up('--build');
		const home = await bench.makeFolder('home');
		await npmStart(bench, home);
		const [startMs, upMs]: [number[], number[]] = [[], []];
		for (let run = 0; run < runs; run += 1) {
			bench.say(`run ${run + 1} of ${runs}`);
			await stack.compose(['down']);
			startMs.push(await npmStart(bench, home));
			const upAt = nowMs();
			const up = stack.compose(['up', '--detach']);
			await Promise.all([up, pageServed(stack.app.origin)]);
			upMs.push(nowMs() - upAt);
		}
		const [limit, measured] = [median(startMs), median(upMs)];
		return [
			{
				...{ figure: FIGURE, limit: ms(limit), measured: ms(measured), goal: GOAL },
				comparison: signed(ms(measured - limit), measured - limit),
				ok: measured <= limit + 5_000
			}
		];
	}
};
