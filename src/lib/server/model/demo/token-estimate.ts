/** About four characters a token: good enough for figures that only have to look right. */
export const estimateTokens = (text: string): number => Math.max(1, Math.ceil(text.length / 4));
