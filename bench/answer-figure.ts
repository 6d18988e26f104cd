/**
 * How soon a person's word takes effect, beside a bare process that does the same: two rows of the table. An
 * interrupt is pressed in a page, and over when that has painted that the turn was stopped.
 */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BareProcess } from './bare-process.ts';
import { chromiumPath } from '../tests/support/chromium.ts';
import type { SessionView } from './browser.ts';
import { nowMs } from './clock.mjs';
import { ms, notMeasured, signed, type Figure, type Row } from './figure.ts';
import { Manager } from './manager-process.ts';
import { SessionPage } from './session-page.ts';
import { median } from './statistics.ts';
import type { Workbench } from './workbench.ts';

const APPROVE = 'approve → tool runs';
const INTERRUPT = 'interrupt → screen says stopped';
const STAMP_FILE = 'stamp';
/** The tool itself says when it runs. */
const ASKS = `[[demo: tools bash="date +%s%N > ${STAMP_FILE}"]]`;
const STREAMS = '[[demo: text chunks=2000 interval=10 stamp=1]]';
const TURNS = 4;
/** So long after the first word, the turn is in full flow. */
const INTERRUPT_AFTER_MS = 300;
const LOOK_MS = 2;

interface Side {
	approveMs: number[];
	interruptMs: number[];
}

const readStamp = async (worktree: string): Promise<number> => {
	const path = join(worktree, STAMP_FILE);
	const ranAt = Number(await readFile(path, 'utf8')) / 1e6;
	await rm(path);
	return ranAt;
};

const told = (at: number | null): number => {
	if (at === null) throw new Error('nobody was asked');
	return at;
};

const runBare = async (bench: Workbench, side: Side): Promise<void> => {
	const prepared = { ...(await BareProcess.prepare(bench)), permissionMode: 'default' as const };
	const bare = BareProcess.exec(prepared, ASKS);
	try {
		for (let index = 0; index < TURNS; index += 1) {
			const turn = index === 0 ? await bare.turn() : await bare.send(ASKS);
			side.approveMs.push((await readStamp(prepared.worktree)) - told(turn.allowedAt));
		}
		for (let index = 0; index < TURNS; index += 1) {
			const turn = await bare.send(STREAMS, INTERRUPT_AFTER_MS);
			side.interruptMs.push(turn.endedAt - told(turn.interruptedAt));
		}
	} finally {
		await bare.end();
	}
};

const until = async (condition: () => boolean): Promise<void> => {
	while (!condition()) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
};

/** So many turns are over, their commits in. */
const rested = (view: SessionView, count: number): Promise<void> =>
	view.until(({ waitingFor, turns }) => waitingFor === 'input' && turns === count);

/** When the answer was given. */
const approve = async (view: SessionView): Promise<number> => {
	await view.until(({ pending }) => pending.length > 0);
	const requestId = view.session?.pending[0]?.requestId;
	const at = nowMs();
	await view.command({ type: 'session.decide', requestId, decision: 'allow' });
	return at;
};

const interrupt = async (view: SessionView, page: SessionPage): Promise<number> => {
	await until(() => view.hasSpoken);
	await page.shows('#1');
	await new Promise((resolve) => setTimeout(resolve, INTERRUPT_AFTER_MS));
	return page.interrupt();
};

/** `openPage`: null where there is no Chromium. */
const runOurs = async (
	manager: Manager,
	repoId: string,
	side: Side,
	openPage: ((sessionId: string) => Promise<SessionPage>) | null
): Promise<void> => {
	const browser = await manager.browse();
	try {
		const view = await browser.startSession(repoId, ASKS, { permissionMode: 'ask' });
		const worktree = join(manager.workspaceRoot, 'worktrees', view.id);
		for (let index = 0; index < TURNS; index += 1) {
			if (index > 0) view.say(ASKS);
			const at = await approve(view);
			await rested(view, index + 1);
			side.approveMs.push((await readStamp(worktree)) - at);
		}
		const page = await openPage?.(view.id);
		for (let index = 0; page && index < TURNS; index += 1) {
			view.say(STREAMS);
			side.interruptMs.push(await interrupt(view, page));
			await rested(view, TURNS + index + 1);
		}
		await page?.close();
		await manager.purge(view.id);
	} finally {
		browser.close();
	}
};

const row = (figure: string, bare: number[], ours: number[], maxExtraMs: number): Row => {
	const limit = median(bare);
	const measured = median(ours);
	const extra = measured - limit;
	return {
		figure,
		limit: ms(limit),
		measured: ms(measured),
		comparison: signed(ms(extra), extra),
		goal: `≤ +${maxExtraMs} ms`,
		ok: extra <= maxExtraMs
	};
};

export const answerFigure: Figure = {
	name: 'answer',
	runs: 5,
	async measure(bench, runs) {
		const manager = await Manager.open(bench, { driver: 'bubblewrap' });
		const repoId = await manager.registerRepo(bench.repoPath);
		const executablePath = chromiumPath();
		const openPage = executablePath
			? (id: string) => SessionPage.open(bench, manager, executablePath, id)
			: null;
		const bare: Side = { approveMs: [], interruptMs: [] };
		const ours: Side = { approveMs: [], interruptMs: [] };
		for (let run = 0; run < runs; run += 1) {
			bench.say(`run ${run + 1} of ${runs}`);
			const both = [() => runBare(bench, bare), () => runOurs(manager, repoId, ours, openPage)];
			for (const side of run % 2 === 0 ? both : both.reverse()) await side();
		}
		await manager.end();
		return [
			row(APPROVE, bare.approveMs, ours.approveMs, 20),
			openPage
				? row(INTERRUPT, bare.interruptMs, ours.interruptMs, 50)
				: notMeasured(INTERRUPT, '≤ +50 ms', 'Chromium is not installed')
		];
	}
};
