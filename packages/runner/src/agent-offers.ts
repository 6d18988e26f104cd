/** What the agent says at its start that it has, as far as a person can use it, within bounds. */
import type { SDKControlInitializeResponse } from '@anthropic-ai/claude-agent-sdk/core';
import type { RunnerEventPayload } from '@agent-manager/protocol/events.ts';

const COMMANDS_MAX = 300;
const MODELS_MAX = 50;
const TEXT_MAX_CHARS = 300;

const short = (text: string): string => text.slice(0, TEXT_MAX_CHARS);

export const offersOf = ({
	commands,
	models
}: Pick<
	SDKControlInitializeResponse,
	'commands' | 'models'
>): RunnerEventPayload<'runner.offered'> => ({
	commands: commands.slice(0, COMMANDS_MAX).map(({ name, description, argumentHint }) => ({
		name: short(name),
		description: short(description),
		argumentHint: short(argumentHint)
	})),
	models: models.slice(0, MODELS_MAX).map((model) => ({
		value: short(model.value),
		displayName: short(model.displayName),
		description: short(model.description),
		efforts: model.supportedEffortLevels ?? []
	}))
});
