/** What the agent asks, read from the event that asked. Nothing of it is trusted to have its shape. */
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import type { SessionEvent } from '@agent-manager/protocol/events.ts';

export interface AskedQuestion {
	question: string;
	header: string;
	multiSelect: boolean;
	options: { label: string; description: string }[];
}

const isObject = (value: unknown): value is JsonObject =>
	typeof value === 'object' && value !== null && !Array.isArray(value);

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** The input of the tool that is asked for; empty when the event says none. */
export const requestInput = (event: SessionEvent | null): JsonObject =>
	isObject(event?.payload.input) ? event.payload.input : {};

/** What the agent adds in words, such as why it wants to. */
export const requestReason = (event: SessionEvent | null): string =>
	textOf(event?.payload.description) || textOf(event?.payload.reason);

export const questionsOf = (input: JsonObject): AskedQuestion[] => {
	const questions = Array.isArray(input.questions) ? input.questions : [];
	return questions.filter(isObject).map((question) => ({
		question: textOf(question.question),
		header: textOf(question.header),
		multiSelect: question.multiSelect === true,
		options: (Array.isArray(question.options) ? question.options : [])
			.filter(isObject)
			.map((option) => ({
				label: textOf(option.label),
				description: textOf(option.description)
			}))
	}));
};

export type InputView =
	| { kind: 'command'; command: string; note: string }
	| { kind: 'edit'; path: string; removed: string; added: string }
	| { kind: 'write'; path: string; content: string }
	| { kind: 'plan'; text: string }
	| { kind: 'json'; text: string };

/** The exact input as a person can judge it. */
export const inputView = (toolName: string, input: JsonObject): InputView => {
	const { command, file_path: path, plan, content } = input;
	if (toolName === 'Bash' && typeof command === 'string') {
		return { kind: 'command', command, note: textOf(input.description) };
	}
	if (toolName === 'Edit' && typeof path === 'string') {
		return {
			kind: 'edit',
			path,
			removed: textOf(input.old_string),
			added: textOf(input.new_string)
		};
	}
	if (toolName === 'Write' && typeof path === 'string' && typeof content === 'string') {
		return { kind: 'write', path, content };
	}
	if (typeof plan === 'string') return { kind: 'plan', text: plan };
	return { kind: 'json', text: JSON.stringify(input, null, 2) };
};
