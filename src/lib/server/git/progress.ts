/** Reads git's progress from stderr, where it overwrites one line with carriage returns. */
import type { RepoProgress } from '@agent-manager/protocol/repo.ts';

const LINE =
	/^(?:remote: )?((?:Enumerating|Counting|Compressing|Receiving|Resolving|Unpacking|Updating) (?:objects|deltas|files))[^:]*:\s+(?:(\d{1,3})%|\d+)/;

export const parseProgressLine = (line: string): RepoProgress | null => {
	const match = LINE.exec(line);
	if (!match?.[1]) return null;
	const percent = match[2] === undefined ? null : Math.min(100, Number(match[2]));
	return { phase: match[1], percent };
};

/** Feed it chunks as they come; it tells each complete line's progress. */
export const progressReader = (onProgress: (progress: RepoProgress) => void) => {
	let rest = '';
	return (chunk: string): void => {
		const lines = (rest + chunk).split(/[\r\n]/);
		rest = (lines.pop() ?? '').slice(-1000);
		for (const line of lines) {
			const progress = parseProgressLine(line);
			if (progress) onProgress(progress);
		}
	};
};
