/** The transcript in a real browser: what it shows, that it follows its end, that nothing jumps. */
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { page, userEvent } from 'vitest/browser';
import { render } from 'vitest-browser-svelte';
import type { PartialMessage } from '@agent-manager/protocol/delta.ts';
import { FindController } from '#lib/state/find-controller.svelte.ts';
import { ReadingWindow } from '#lib/state/reading-window.svelte.ts';
import { TranscriptController } from '#lib/state/transcript-controller.svelte.ts';
import { TranscriptNavigator } from '#lib/state/transcript-navigator.svelte.ts';
import { sampleSession } from '../../../../tests/support/sample-session.ts';
import { LogWriter, writeStory } from '../../../../tests/support/transcript-events.ts';
import Transcript from './transcript.svelte';

let transcript: TranscriptController;
const loadOlder = vi.fn<() => Promise<void>>();

/** The page gives the list its height; here the style does, before anything is drawn. */
const sized = document.createElement('style');
sized.textContent =
	'body > div { display: flex; flex-direction: column; height: 600px; width: 800px }';

beforeEach(() => {
	document.head.append(sized);
	transcript = new TranscriptController();
	loadOlder.mockReset().mockResolvedValue();
});

const show = async (hasOlder = false) => {
	const session = sampleSession({ status: 'running', waitingFor: null });
	const live = { id: session.id, events: [], carry: null, hasOlder, loadOlder, join: () => false };
	const rendered = await render(Transcript, {
		transcript,
		session,
		reading: new TranscriptNavigator(new ReadingWindow(live), session.id),
		find: new FindController(session.id)
	});
	await frames();
	return rendered;
};
const frames = async (count = 6): Promise<void> => {
	for (let n = 0; n < count; n++) await new Promise((resolve) => requestAnimationFrame(resolve));
};
const scroller = (): HTMLElement => page.getByRole('log').element() as HTMLElement;
const rest = (): number => {
	const { scrollHeight, clientHeight, scrollTop } = scroller();
	return scrollHeight - clientHeight - scrollTop;
};
const scrollUp = async (pixels: number): Promise<void> => {
	scroller().dispatchEvent(new WheelEvent('wheel', { deltaY: -pixels, bubbles: true }));
	scroller().scrollTop -= pixels;
	await frames();
};
const topOf = (element: Element): number => element.getBoundingClientRect().top;
/** Rows that come into view are measured, which moves others. */
const settled = async (measure: () => number): Promise<void> => {
	let last = NaN;
	for (let same = 0; same < 4; await frames()) {
		same = measure() === last ? same + 1 : 0;
		last = measure();
	}
};
/** Its rows are drawn and measured, and its end is in view. */
const atEnd = async (): Promise<void> => {
	await expect.poll(() => scroller().scrollTop > 0 && rest() < 2).toBe(true);
	await settled(() => scroller().scrollHeight);
};
const rows = (): HTMLElement[] => [...scroller().querySelectorAll<HTMLElement>('[data-block]')];

/** Many short answers of different heights. */
const longLog = (count: number): LogWriter => {
	const log = new LogWriter();
	log.accepted('m', 'Go');
	log.turnStarted('m');
	for (let n = 0; n < count; n++) log.text(`a${n}`, `Answer ${n}. ${'word '.repeat((n * 7) % 60)}`);
	return log;
};

describe('what it shows', () => {
	it('every kind of block of a story, each card closed', async () => {
		transcript.reset(writeStory(), []);
		await show();
		await scrollUp(100_000);
		const seen = new Set(rows().map((row) => row.dataset.block));
		expect([...seen]).toEqual(expect.arrayContaining(['user', 'thinking', 'text', 'tool']));
		expect(scroller().querySelectorAll('[aria-expanded=true]')).toHaveLength(0);
	});

	it('opens a card by keyboard and keeps it open', async () => {
		const log = new LogWriter();
		log.calls('a', 'one', 'Bash', { command: 'npm test' });
		log.result('one', 'Exit code 1\n\u001b[31m1 failed\u001b[39m', undefined, { isError: true });
		transcript.reset(log.events, []);
		await show();
		const card = page.getByRole('button', { name: /Run npm test/ });
		await expect.element(card).toHaveAttribute('aria-expanded', 'false');
		(card.element() as HTMLElement).focus();
		await userEvent.keyboard('{Enter}');
		await expect.element(card).toHaveAttribute('aria-expanded', 'true');
		await expect.element(page.getByText('1 failed')).toHaveClass('ansi-red');
		log.text('b', 'It failed.');
		transcript.append(log.events.slice(-1));
		await expect.element(card).toHaveAttribute('aria-expanded', 'true');
	});

	it('draws an edit as lines', async () => {
		const log = new LogWriter();
		log.calls('a', 'one', 'Edit', { file_path: 'a.ts', old_string: 'x\ny', new_string: 'x\nz' });
		log.result('one', 'ok', { filePath: 'a.ts', structuredPatch: [] });
		transcript.reset(log.events, []);
		await show();
		await userEvent.click(page.getByRole('button', { name: /Edit a.ts/ }));
		await expect.element(page.getByText('removed: y')).toBeVisible();
		await expect.element(page.getByText('added: z')).toBeVisible();
	});

	it('says what its events are by hash', async () => {
		transcript.reset(writeStory(), []);
		const { container } = await show();
		await expect
			.poll(() => container.querySelector('[data-transcript-hash]')?.getAttribute('data-head'))
			.toBe(String(writeStory().length));
	});

	it('keeps the row’s element when a message that streamed is stored', async () => {
		const log = longLog(3);
		const partials: PartialMessage[] = [
			{
				messageId: 'live',
				parentToolUseId: null,
				blocks: [{ block: 0, kind: 'text', text: 'Hel' }]
			}
		];
		transcript.reset(log.events, partials);
		await show();
		const row = rows().at(-1);
		expect(row?.textContent).toContain('Hel');
		log.text('live', 'Hello.');
		transcript.append(log.events.slice(-1));
		await frames();
		expect(rows().at(-1)).toBe(row);
		expect(row?.textContent).toContain('Hello.');
		expect(scroller().textContent?.match(/Hel/g)).toHaveLength(1);
	});
});

describe('following the end', () => {
	it('opens at the end and stays there while text grows and blocks come', async () => {
		const log = longLog(100);
		transcript.reset(log.events, []);
		await show();
		await atEnd();
		for (let n = 0; n < 20; n++) {
			const text = 'more words '.repeat(n * 12);
			transcript.setPartials([
				{ messageId: 'live', parentToolUseId: null, blocks: [{ block: 0, kind: 'text', text }] }
			]);
			await frames(2);
			expect(rest()).toBeLessThan(60);
		}
		await expect.poll(rest).toBeLessThan(2);
	});

	it('is left by a gesture only, and says how many blocks came since', async () => {
		const log = longLog(100);
		transcript.reset(log.events, []);
		await show();
		await atEnd();
		await scrollUp(400);
		const top = topOf(scroller());
		const read = rows().find((row) => topOf(row) >= top);
		if (!read) throw new Error('Nothing is in view.');
		await settled(() => topOf(read));
		const before = topOf(read);
		for (let n = 0; n < 5; n++) log.text(`new${n}`, 'New.');
		transcript.append(log.events.slice(-5));
		await settled(() => topOf(read));
		expect(Math.abs(topOf(read) - before)).toBeLessThan(2);
		const pill = page.getByRole('button', { name: '5 new' });
		await userEvent.click(pill);
		await expect.poll(rest).toBeLessThan(2);
		await expect.element(pill).not.toBeInTheDocument();
	});
});

describe('on a slow machine', () => {
	it.each([
		['a key', () => new KeyboardEvent('keydown', { key: 'Home', bubbles: true })],
		['the scroll bar', () => new PointerEvent('pointerdown', { bubbles: true })]
	])('the end is left by %s, however late the scroll comes', async (_name, gesture) => {
		const log = longLog(100);
		transcript.reset(log.events, []);
		await show();
		await atEnd();
		const scrolled = new Promise((resolve) =>
			scroller().addEventListener('scroll', resolve, { once: true })
		);
		scroller().dispatchEvent(gesture());
		scroller().scrollTop = 0;
		// The page was held up in between, and what streams in grows the end meanwhile.
		const now = performance.now.bind(performance);
		const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + 60_000);
		log.text('new', 'New. '.repeat(500));
		transcript.append(log.events.slice(-1));
		await scrolled;
		clock.mockRestore();
		await settled(() => scroller().scrollTop);
		expect(scroller().scrollTop).toBeLessThan(2);
	});
});

describe('older blocks', () => {
	it('are asked for near the top, and come in without moving what is read', async () => {
		const log = longLog(300);
		transcript.reset(log.events.slice(150), []);
		const settle: { done?: () => void } = {};
		loadOlder.mockImplementation(() => new Promise((resolve) => (settle.done = resolve)));
		await show(true);
		await atEnd();
		expect(loadOlder).not.toHaveBeenCalled();
		await scrollUp(scroller().scrollHeight);
		await expect.poll(() => loadOlder.mock.calls.length).toBe(1);
		const read = (): Element => page.getByText(/Answer 150\./).element();
		await settled(() => topOf(read()));
		const before = topOf(read());
		transcript.prepend(log.events.slice(50, 150));
		settle.done?.();
		await frames(20);
		expect(Math.abs(topOf(read()) - before)).toBeLessThan(3);
	});

	it('are asked for at once when the window does not fill the screen', async () => {
		const log = longLog(100);
		transcript.reset(log.events.slice(-2), []);
		await show(true);
		await expect.poll(() => loadOlder.mock.calls.length).toBeGreaterThan(0);
	});
});

describe('5,000 blocks', () => {
	it('draws only what is near, and takes a new one quickly', async () => {
		const log = longLog(5_000);
		transcript.reset(log.events, []);
		const from = performance.now();
		await show();
		const opened = performance.now() - from;
		expect(rows().length).toBeLessThan(120);
		const added: number[] = [];
		for (let n = 0; n < 30; n++) {
			log.text(`new${n}`, 'New.');
			const start = performance.now();
			transcript.append(log.events.slice(-1));
			await frames(1);
			added.push(performance.now() - start);
		}
		const median = added.toSorted((a, b) => a - b)[15] ?? 0;
		// Generous: other work shares the machine. Without virtual rows it takes seconds.
		expect(opened).toBeLessThan(2_000);
		expect(median).toBeLessThan(100);
		await expect.poll(rest).toBeLessThan(2);
	});
});
