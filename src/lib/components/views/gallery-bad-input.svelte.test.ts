/** What no agent should send and some do: each card, open, draws only so much of it, and keeps its words in its row. */
import { expect, it } from 'vitest';
import { render } from 'vitest-browser-svelte';
import { LogWriter } from '../../../../tests/support/transcript-events.ts';
import GalleryLog from './gallery-log.svelte';

/** Elements of one card that is open; a screen has a few hundred. */
const MAX_ELEMENTS = 6_000;
const MAX_LETTERS = 1_000_000;
/** Of a button that is only seen when the row is pointed at. */
const OVERHANG = 8;

const MEGABYTE = 1_048_576;
/** Turns what comes after it around, and spells a name that is none. */
const TURN = String.fromCharCode(0x202e);
const TURNED = `gpj.${TURN}exe.txt`;

const cases: [string, (log: LogWriter) => void][] = [
	[
		'5 MB of output in one line, and in many',
		(log) => {
			for (const [id, text] of [
				['line', 'x'.repeat(5 * MEGABYTE)],
				['lines', 'a line\n'.repeat(5 * 150_000)]
			] as const) {
				log.calls(id, id, 'Bash', { command: `cat ${id}` });
				log.result(id, text, { stdout: text, stderr: '', interrupted: false });
			}
		}
	],
	[
		'a file of 50,000 lines, written and edited',
		(log) => {
			const content = Array.from({ length: 50_000 }, (_, at) => `line ${at}`).join('\n');
			log.calls('w', 'w', 'Write', { file_path: 'a.txt', content });
			log.result('w', 'Created', { type: 'create', filePath: 'a.txt', content });
			log.calls('e', 'e', 'Edit', { file_path: 'a.txt', old_string: content, new_string: 'x' });
			log.result('e', 'ok');
		}
	],
	[
		'a sub-agent with 200 calls, within others',
		(log) => {
			log.calls('outer', 'outer', 'Agent', { prompt: 'Look' });
			log.calls('inner', 'inner', 'Agent', { prompt: 'Look deeper' }, 'outer');
			for (let n = 0; n < 200; n++) {
				log.calls(`m${n}`, `t${n}`, 'Read', { file_path: `src/${n}.ts` }, 'inner');
				log.result(`t${n}`, 'x', undefined, { parent: 'inner' });
			}
		}
	],
	[
		'a message that never ends, of quotes, lists and brackets',
		(log) => {
			log.text('words', 'word '.repeat(100_000));
			log.text('quotes', '>'.repeat(20_000));
			log.text('brackets', '['.repeat(20_000));
			log.text('stars', '*a '.repeat(20_000));
		}
	],
	[
		'names that turn what is written around, and bytes that were no letters',
		(log) => {
			log.calls('r', 'r', 'Read', { file_path: TURNED });
			log.result('r', 'binary \u0000\uFFFD\uFFFD\u0007 data');
			log.calls('h', 'h', 'Bash', { command: 'ls "שלום עולם"' });
			log.result('h', 'שלום עולם.txt');
		}
	]
];

it.each(cases)('%s', async (_name, write) => {
	const log = new LogWriter();
	write(log);
	const { container } = await render(GalleryLog, { props: { events: log.events, open: true } });
	await expect.poll(() => container.querySelectorAll('[data-block]').length).toBeGreaterThan(0);
	const rows = [...container.querySelectorAll('[data-block]')];
	for (const row of rows) {
		expect(row.querySelectorAll('*').length).toBeLessThan(MAX_ELEMENTS);
		expect(row.textContent.length).toBeLessThan(MAX_LETTERS);
		expect(row.scrollWidth).toBeLessThanOrEqual(row.clientWidth + OVERHANG);
	}
	expect(container.textContent).not.toContain(TURN);
	expect(container.textContent).not.toContain('\u0000');
});
