/**
 * Terminal output as spans of text with a few named styles. Colours (SGR) are the only sequences that
 * count; every other one is dropped, so that nothing a tool prints can act.
 */
import { cleanText } from './clean-text.ts';

export type AnsiColor =
	'black' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan' | 'white';

export interface AnsiSpan {
	text: string;
	color: AnsiColor | null;
	bold: boolean;
	dim: boolean;
}

type Style = Omit<AnsiSpan, 'text'>;

const colors: AnsiColor[] = ['black', 'red', 'green', 'yellow', 'blue', 'magenta', 'cyan', 'white'];
const plain: Style = { color: null, bold: false, dim: false };

/** More spans than this and the rest comes without colour: a screen is no place for them. */
const MAX_SPANS = 5000;

/** Extended colours take parameters of their own; they are skipped, not drawn. */
const extendedLength = (codes: number[], index: number): number =>
	codes[index + 1] === 5 ? 2 : codes[index + 1] === 2 ? 4 : 0;

const withCodes = (style: Style, codes: number[]): Style => {
	let next = style;
	for (let index = 0; index < codes.length; index++) {
		const code = codes[index] ?? 0;
		if (code === 0) next = plain;
		else if (code === 1) next = { ...next, bold: true };
		else if (code === 2) next = { ...next, dim: true };
		else if (code === 22) next = { ...next, bold: false, dim: false };
		else if (code === 39) next = { ...next, color: null };
		else if (code >= 30 && code <= 37) next = { ...next, color: colors[code - 30] ?? null };
		else if (code >= 90 && code <= 97) next = { ...next, color: colors[code - 90] ?? null };
		else if (code === 38 || code === 48) index += extendedLength(codes, index);
	}
	return next;
};

/**
 * A line that was drawn over itself (progress bars) as it last looked. Without patterns: one that
 * looks for runs of carriage returns takes for ever on megabytes of them.
 */
const lastDrawn = (line: string): string => {
	let end = line.length;
	while (end > 0 && line[end - 1] === '\r') end -= 1;
	const from = end === 0 ? -1 : line.lastIndexOf('\r', end - 1);
	return line.slice(from + 1, end);
};

const redraw = (text: string): string =>
	text.includes('\r') ? text.split('\n').map(lastDrawn).join('\n') : text;

const sgr = /(?:\u001b\[|\u009b)([0-9;:]{0,64})m/g;

/** The text as spans. Never throws, whatever the text holds. */
export const ansiSpans = (raw: string): AnsiSpan[] => {
	const text = redraw(raw);
	const spans: AnsiSpan[] = [];
	let style = plain;
	let from = 0;
	const push = (piece: string) => {
		const clean = cleanText(piece);
		if (clean !== '') spans.push({ text: clean, ...style });
	};
	for (const match of text.matchAll(sgr)) {
		if (spans.length >= MAX_SPANS) break;
		push(text.slice(from, match.index));
		from = match.index + match[0].length;
		const codes = (match[1] ?? '').split(/[;:]/).map((code) => Number(code) || 0);
		style = withCodes(style, codes);
	}
	if (spans.length >= MAX_SPANS) style = plain;
	push(text.slice(from));
	return spans;
};
