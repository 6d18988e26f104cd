/** What the agent asks, read from the event that asked. Nothing of it is trusted to have its shape. */
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import type { PendingRequest } from '@agent-manager/protocol/session.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import { cleanLine, cleanText } from '#lib/domain/clean-text.ts';
import { asObject, textAt } from '#lib/domain/loose-json.ts';
import type { RequestBlock } from '#lib/domain/transcript-blocks.ts';

export interface AskedQuestion {
	/** As it was asked: the key under which the answer is expected. */
	question: string;
	multiSelect: boolean;
	options: { label: string; description: string }[];
}

const QUESTION_MAX_LENGTH = 2_000;

/** The request as the transcript's cards show it. */
export const requestBlock = (request: PendingRequest, event: SessionEvent): RequestBlock => ({
	kind: 'request',
	key: `pending:${request.requestId}`,
	seq: event.seq,
	ts: event.ts,
	requestId: request.requestId,
	requestKind: request.kind,
	toolName: request.toolName,
	toolUseId: textAt(event.payload, 'toolUseId') ?? '',
	input: asObject(event.payload.input) ?? {},
	title: request.title,
	description: null,
	reason: null,
	outcome: 'pending',
	message: null,
	answers: null,
	hidden: false
});

/** What the sub-agent that asks was told to do, in a few words; null where the page has not heard of it. */
export const subAgentName = (events: readonly SessionEvent[], agentId: string): string | null => {
	const started = events.find(
		({ type, payload }) =>
			type === 'claude.system.task_started' && textAt(payload, 'task_id') === agentId
	);
	const said = started ? textAt(started.payload, 'description') : null;
	return said === null ? null : cleanLine(said, 120);
};

/** What the agent adds in words, such as why it wants to. */
export const requestReason = (event: SessionEvent | null): string => {
	if (!event) return '';
	return cleanText(textAt(event.payload, 'description') ?? textAt(event.payload, 'reason') ?? '');
};

const objectsOf = (value: unknown): JsonObject[] =>
	(Array.isArray(value) ? value : []).map(asObject).filter((object) => object !== null);

export const questionsOf = (input: JsonObject): AskedQuestion[] =>
	objectsOf(input.questions).map((question) => ({
		question: textAt(question, 'question') ?? '',
		multiSelect: question.multiSelect === true,
		options: objectsOf(question.options).map((option) => ({
			label: textAt(option, 'label') ?? '',
			description: cleanLine(textAt(option, 'description') ?? '', QUESTION_MAX_LENGTH)
		}))
	}));
