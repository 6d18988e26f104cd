/**
 * What of an event a person can read in the transcript, and so look for: the words, not the keys, ids
 * and signatures around them.
 */
import type { SearchHit } from '@agent-manager/protocol/transcript-places.ts';
import { cleanText } from './clean-text.ts';
import { arrayAt, asArray, asObject, flagAt, objectAt, textAt, textsAt } from './loose-json.ts';

export interface EventText {
	kind: SearchHit['kind'];
	text: string;
}

/** Deeper than this nothing is read: whole bodies come as an agent made them. */
const MAX_DEPTH = 100;

const leaves = (value: unknown, depth = 0): string[] => {
	if (typeof value === 'string') return [value];
	if (typeof value !== 'object' || value === null || depth >= MAX_DEPTH) return [];
	return Object.values(value).flatMap((child) => leaves(child, depth + 1));
};

const textsOfResult = (content: unknown): string[] =>
	typeof content === 'string'
		? [content]
		: asArray(content).flatMap((part) => textAt(part, 'text') ?? []);

const textsOfContent = (content: unknown): EventText[] =>
	asArray(content).flatMap((part): EventText[] => {
		switch (textAt(part, 'type')) {
			case 'text':
				return [{ kind: 'text', text: textAt(part, 'text') ?? '' }];
			case 'thinking':
				return [{ kind: 'thinking', text: textAt(part, 'thinking') ?? '' }];
			case 'tool_use':
				return [textAt(part, 'name') ?? '', ...leaves(objectAt(part, 'input'))].map((text) => ({
					kind: 'call',
					text
				}));
			case 'tool_result':
				return textsOfResult(asObject(part)?.content).map((text) => ({ kind: 'result', text }));
			default:
				return [];
		}
	});

const noticeOf = (...texts: (string | null)[]): EventText[] =>
	texts.flatMap((text) => (text === null ? [] : [{ kind: 'notice' as const, text }]));

const READERS: Record<string, (payload: unknown) => EventText[]> = {
	'claude.assistant': (payload) => textsOfContent(objectAt(payload, 'message')?.content),
	'claude.user': (payload) => textsOfContent(objectAt(payload, 'message')?.content),
	'message.accepted': (payload) => [{ kind: 'prompt', text: textAt(payload, 'text') ?? '' }],
	'message.edited': (payload) => [{ kind: 'prompt', text: textAt(payload, 'text') ?? '' }],
	'session.reported': (payload) => [{ kind: 'text', text: textAt(payload, 'text') ?? '' }],
	'session.failed': (payload) =>
		noticeOf(
			textAt(objectAt(payload, 'error'), 'message'),
			textAt(objectAt(payload, 'error'), 'hint')
		),
	'runner.approval_requested': (payload) =>
		noticeOf(
			textAt(payload, 'title'),
			textAt(payload, 'reason'),
			...leaves(objectAt(payload, 'input'))
		),
	'request.decided': (payload) => noticeOf(textAt(payload, 'message')),
	'runner.partial': (payload) =>
		arrayAt(payload, 'blocks').map((block) => ({ kind: 'text', text: leaves(block).join('\n') })),
	'message.cut_off': (payload) =>
		arrayAt(payload, 'blocks').map((block) => ({ kind: 'text', text: leaves(block).join('\n') })),
	'egress.denied': (payload) => noticeOf(textAt(payload, 'host'), textAt(payload, 'reason'))
};

/** Of a turn's end only a failure is shown; what else it says was said before. */
const failureOf = (payload: unknown): EventText[] =>
	flagAt(payload, 'is_error')
		? noticeOf(textAt(payload, 'result'), ...textsAt(payload, 'errors'))
		: [];

/** Types that are looked at; of the results of turns there are several. */
export const READABLE_TYPES = Object.keys(READERS);

export const readableTexts = (type: string, payload: unknown): EventText[] =>
	type.startsWith('claude.result') ? failureOf(payload) : (READERS[type]?.(payload) ?? []);

const BEFORE = 48;
const EXCERPT_MAX = 180;

/** Case does not count, also beyond ASCII. */
const patternOf = (query: string): RegExp =>
	new RegExp(query.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'iu');

const oneLine = (text: string): string => cleanText(text).replace(/\s+/g, ' ');

/** The first place in an event where the words stand, with what is around it; null when nowhere. */
export const findInEvent = (
	type: string,
	payload: unknown,
	query: string
): Pick<SearchHit, 'kind' | 'excerpt' | 'from' | 'to'> | null => {
	const pattern = patternOf(query);
	for (const { kind, text } of readableTexts(type, payload)) {
		const match = pattern.exec(text);
		if (!match) continue;
		const start = Math.max(0, match.index - BEFORE);
		const lead = `${start > 0 ? '…' : ''}${oneLine(text.slice(start, match.index)).trimStart()}`;
		const hit = oneLine(match[0]);
		const after = match.index + match[0].length;
		const room = Math.max(0, EXCERPT_MAX - lead.length - hit.length);
		const rest = oneLine(text.slice(after, after + room));
		const tail = after + room < text.length ? `${rest}…` : rest;
		return {
			kind,
			excerpt: `${lead}${hit}${tail}`,
			from: lead.length,
			to: lead.length + hit.length
		};
	}
	return null;
};
