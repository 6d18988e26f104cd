/** Plays the directives of a prompt. The table of them is at the head of `directive.ts`. */
import { toolDirectives } from './directive-tools.ts';
import { faultOf } from './directive-fault.ts';
import { numberArg, textArg, type Directive } from './directive.ts';
import { AT_ONCE, pieces, reply, say, type Chunks, type ReplyBlock } from './reply.ts';
import type { Scene, Script } from './script.ts';
import { MARKDOWN_TEXT, UNICODE_TEXT, prose } from './torture-texts.ts';

const numbered = (count: number, size: number, stamped: boolean): Chunks =>
	function* (epochMs) {
		for (let index = 1; index <= count; index += 1) {
			const head = stamped ? `#${index} t=${epochMs().toFixed(3)}` : `#${index}`;
			yield `${head.padEnd(size - 1, '~')} `;
		}
	};

const tokens = (count: number): Chunks =>
	function* () {
		let left = count;
		for (const word of prose()) {
			if (left <= 0) return;
			left -= 1;
			yield word;
		}
	};

const huge = (kilobytes: number): Chunks =>
	function* () {
		for (let index = 1; index <= kilobytes; index += 1) {
			yield `${`line ${index} `.padEnd(1023, 'x')}\n`;
		}
	};

const text = (chunks: Chunks): ReplyBlock => ({ kind: 'text', chunks });

/** Blocks of a directive that only speaks; null if it is not one. */
function spoken(directive: Directive): ReplyBlock[] | null {
	const size = numberArg(directive, 'size', 40, 65_536);
	const literal = textArg(directive, 'text', '');
	switch (directive.name) {
		case 'text': {
			if (literal !== '') return [say(literal)];
			const stamped = textArg(directive, 'stamp', '0') === '1';
			return [text(numbered(numberArg(directive, 'chunks', 20), size, stamped))];
		}
		case 'burst':
			return [text(numbered(numberArg(directive, 'deltas', 2000), size, true))];
		case 'tokens':
			return [text(tokens(numberArg(directive, 'n', 500)))];
		case 'blocks':
			return Array.from({ length: numberArg(directive, 'count', 2, 100) }, (_, index) =>
				say(`Block ${index + 1} of the demo model's message.`)
			);
		case 'thinking':
			return [
				{
					kind: 'thinking',
					chunks: literal ? () => pieces(literal) : tokens(numberArg(directive, 'chunks', 10))
				}
			];
		case 'huge':
			return [text(huge(numberArg(directive, 'kb', 1024, 65_536)))];
		case 'unicode':
			return [{ kind: 'text', chunks: () => UNICODE_TEXT.split(/(?<=\n)/) }];
		case 'markdown':
			return [say(MARKDOWN_TEXT, 24)];
		case 'stop':
			return [say('This message stops early')];
		default:
			return null;
	}
}

function intervalOf(directive: Directive): number {
	if (directive.name === 'tokens') return 1000 / Math.max(1, numberArg(directive, 'rate', 100));
	const fallback = directive.name === 'text' || directive.name === 'thinking' ? 10 : 0;
	return numberArg(directive, 'interval', fallback, 60_000);
}

/**
 * Directives one after the other. What only speaks is put before the next one that calls a tool,
 * since a message without a tool ends the turn.
 */
export function* directiveScript(directives: Directive[], scene: Scene): Script {
	let pending: ReplyBlock[] = [];
	let pacing = AT_ONCE;
	let stopReason: string | undefined;
	for (const directive of directives) {
		const firstMs = numberArg(directive, 'first', pacing.firstMs, 600_000);
		const fault = faultOf(directive);
		if (fault) {
			const chunks = fault.kind === 'status' ? 0 : fault.afterChunks + 1;
			return {
				...reply([...pending, text(numbered(chunks, 40, false)), say('Recovered.')], {
					...AT_ONCE,
					firstMs
				}),
				fault
			};
		}
		const blocks = spoken(directive);
		if (blocks) {
			pending.push(...blocks);
			pacing = { firstMs, intervalMs: Math.max(pacing.intervalMs, intervalOf(directive)) };
			if (directive.name === 'stop') stopReason = textArg(directive, 'reason', 'max_tokens');
			continue;
		}
		const tools = toolDirectives[directive.name];
		if (!tools) {
			const known =
				'text, burst, tokens, blocks, thinking, huge, unicode, markdown, stop, status, hang, cut, malformed, sse-error';
			pending.push(
				say(
					`The demo model knows no directive "${directive.name}". It knows: ${known}, ${Object.keys(toolDirectives).join(', ')}.`
				)
			);
			continue;
		}
		const steps = tools(directive, scene);
		let next = steps.next();
		while (!next.done) {
			const step = { ...next.value, pacing: { ...pacing, firstMs } };
			step.blocks = [...pending, ...step.blocks];
			pending = [];
			next = steps.next(yield step);
		}
		pending.push(...next.value);
		pacing = AT_ONCE;
	}
	if (pending.length === 0) pending.push(say('Done.'));
	return { ...reply(pending, pacing), stopReason };
}
