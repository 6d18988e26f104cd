/** What a runner printed, made safe to show: no escape sequences, no control characters. */

/** Most bytes of a log that are looked at for its last lines. */
export const LOG_TAIL_BYTES = 256 * 1024;

/** The last lines of a text, oldest first, without C0, C1 and ESC, each at most 2,000 characters. */
export const lastLines = (text: string, maxLines: number): string[] => {
	const lines = text.split('\n');
	if (lines.at(-1) === '') lines.pop();
	return lines.slice(Math.max(0, lines.length - Math.max(0, maxLines))).map((line) =>
		line
			// Control characters are what is removed.
			.replace(/\u001b\[[0-?]*[ -/]*[@-~]|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '')
			.slice(0, 2_000)
	);
};
