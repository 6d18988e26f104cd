/** Comments on changes, and the one message that an agent gets of them. */
import { z } from 'zod';

export const commentSchema = z.object({
	id: z.string(),
	path: z.string(),
	/** Null for the file as a whole. */
	lines: z
		.object({ side: z.enum(['old', 'new']), from: z.int().min(1), to: z.int().min(1) })
		.nullable(),
	/** What the lines said when the comment was written, with their marks. */
	quote: z.array(z.string()),
	text: z.string()
});
export type ReviewComment = z.infer<typeof commentSchema>;

export const placeText = ({ path, lines }: Pick<ReviewComment, 'path' | 'lines'>): string => {
	if (!lines) return path;
	const range = lines.from === lines.to ? `line ${lines.from}` : `lines ${lines.from}–${lines.to}`;
	return `${path}, ${range}${lines.side === 'old' ? ' before the change' : ''}`;
};

/** A fence that no line of the code can close. */
const fenceFor = (quote: readonly string[]): string => {
	const runs = quote.join('\n').match(/`+/g) ?? [];
	return '`'.repeat(Math.max(3, ...runs.map((run) => run.length + 1)));
};

const commentText = (comment: ReviewComment): string => {
	const fence = fenceFor(comment.quote);
	const code =
		comment.quote.length > 0 ? `${fence}diff\n${comment.quote.join('\n')}\n${fence}\n\n` : '';
	return `### ${placeText(comment).replace(/\s+/g, ' ')}\n\n${code}${comment.text.trim()}`;
};

/** All comments as the agent gets them. */
export const reviewMessage = (comments: readonly ReviewComment[]): string =>
	[
		comments.length === 1
			? 'I have a comment on your changes:'
			: `I have ${comments.length} comments on your changes:`,
		...comments.map(commentText)
	].join('\n\n');
