/** What one request to the model used, as its upstream states it. */
export interface TokenUsage {
	/** Without what was read from or written to the cache. */
	inputTokens: number;
	outputTokens: number;
	cacheReadTokens: number;
	cacheWriteTokens: number;
}

export interface ModelUsage extends TokenUsage {
	model: string;
	/** False when the answer was cut short: the output is then what was known until there. */
	complete: boolean;
}

export const NO_USAGE: TokenUsage = {
	inputTokens: 0,
	outputTokens: 0,
	cacheReadTokens: 0,
	cacheWriteTokens: 0
};

/** What an upstream tells on the side while it answers. */
export interface UpstreamHooks {
	/** Once for each answered `/v1/messages`, when its answer has ended. */
	onUsage?: (usage: ModelUsage) => void;
	/** The answer was an API error. */
	onError?: (status: number, message: string, headers: Record<string, string>) => void;
}
