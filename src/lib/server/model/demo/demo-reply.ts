/** From a parsed request to what the demo model says: a pure function. */
import { readConversation, type MessagesRequest } from './conversation.ts';
import { AT_ONCE, reply, say, type Reply } from './reply.ts';
import { nextReply } from './scenario.ts';
import { listOfWork } from './story-talk.ts';

const COMPACT = /create a detailed summary of (the|this|our) conversation/i;

/** The least JSON object that fits a schema with required strings: enough for a session's title. */
function objectFor(schema: unknown, words: string): Record<string, unknown> {
	if (typeof schema !== 'object' || schema === null || !('properties' in schema)) return {};
	const { properties } = schema;
	if (typeof properties !== 'object' || properties === null) return {};
	return Object.fromEntries(
		Object.entries(properties).map(([key, value]: [string, unknown]) => {
			const type =
				typeof value === 'object' && value !== null && 'type' in value ? value.type : null;
			if (type === 'boolean') return [key, false];
			if (type === 'number' || type === 'integer') return [key, 0];
			if (type === 'array') return [key, []];
			if (type === 'object') return [key, objectFor(value, words)];
			return [key, words];
		})
	);
}

const titleOf = (prompt: string): string =>
	prompt
		.replace(/\[\[demo:[\s\S]*?\]\]/g, '')
		.replace(/\s+/g, ' ')
		.trim()
		.slice(0, 50) || 'Demo session';

export function demoReply(request: MessagesRequest): Reply {
	const conversation = readConversation(request);
	const turn = conversation.turns.at(-1);
	if (!turn) return reply([say('There is no prompt to answer.')], AT_ONCE);
	const earlier = conversation.turns.slice(0, -1);
	const format = request.output_config?.format;
	if (format?.type === 'json_schema') {
		const body = objectFor(format.schema, titleOf(turn.prompt));
		return reply([say(JSON.stringify(body), 4096)], AT_ONCE);
	}
	if (COMPACT.test(turn.prompt)) {
		const work = listOfWork(earlier).join('\n') || '- nothing was changed';
		const wishes = earlier.map(({ prompt }) => `- ${titleOf(prompt)}`).join('\n');
		return reply(
			[say(`<summary>\nAsked for:\n${wishes}\n\nDone:\n${work}\n</summary>`, 64)],
			AT_ONCE
		);
	}
	if ((request.max_tokens ?? 2) <= 1)
		return { ...reply([say('.')], AT_ONCE), stopReason: 'max_tokens' };
	return nextReply({ conversation, turn, earlier });
}
