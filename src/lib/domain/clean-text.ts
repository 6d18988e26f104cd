/**
 * What an agent, a tool or a repository says may hold characters that act instead of being read:
 * terminal commands, controls, and marks that turn the direction of text so that it reads as
 * something else. Nothing of it reaches the screen: controls go, bidirectional overrides are shown.
 */

/** OSC, DCS, SOS, PM and APC strings up to their end, CSI sequences, and short escapes. */
const escapeSequences =
	/(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)?|(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]?|\u001b[ -/]*[0-~]?/g;

/** C0 without tab and line feed, DEL and C1. */
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

const suspicious = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

const bidirectional = /[\u202a-\u202e\u2066-\u2069]/g;

/** `⟦U+202E⟧`: a mark that would turn the text around, made visible. */
export const showBidirectional = (text: string): string =>
	text.replace(
		bidirectional,
		(mark) => `⟦U+${(mark.codePointAt(0) ?? 0).toString(16).toUpperCase()}⟧`
	);

/** Controls out, line ends made `\n`; escape sequences are not looked at. */
export const stripControls = (text: string): string =>
	text.replace(/\r\n?/g, '\n').replace(controls, '');

/** Text that is safe to show as text: no controls, no terminal sequences, visible direction marks. */
export const cleanText = (text: string): string =>
	suspicious.test(text)
		? showBidirectional(stripControls(text.replace(escapeSequences, '')))
		: text;

/** The same, in one line and at most `limit` UTF-16 code units. */
export const cleanLine = (text: string, limit = 300): string => {
	const line = cleanText(text.slice(0, limit * 4))
		.replace(/\s+/g, ' ')
		.trim();
	return line.length > limit ? `${line.slice(0, limit - 1)}…` : line;
};
