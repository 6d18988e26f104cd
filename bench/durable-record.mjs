/**
 * The record that both sides write: an assistant's message of 1 KB as JSON, a text that is cut at the
 * places where the numbers stand.
 */
const TEXT_CHARS = 760;

const payload = JSON.stringify({
	type: 'assistant',
	message: {
		id: 'msg_bench',
		type: 'message',
		role: 'assistant',
		model: 'bench',
		content: [{ type: 'text', text: 'durable '.repeat(TEXT_CHARS / 8) }],
		stop_reason: null,
		usage: { input_tokens: 3, output_tokens: 120 }
	},
	parent_tool_use_id: null,
	session_id: '00000000-0000-4000-8000-000000000000'
});

/** Records that the limit inserts at once. */
export const BATCH = 200;

/** @param {number} n @param {string} ts */
export const recordJson = (n, ts) =>
	`{"n":${n},"ts":"${ts}","source":"claude","type":"claude.assistant","payload":${payload}}`;

/** @param {number} seq @param {string} ts */
export const rowJson = (seq, ts) =>
	`{"seq":${seq},"n":${seq},"ts":"${ts}","source":"claude","type":"claude.assistant","payload":${payload},"marks":null}`;

/** As many as a runner puts into one frame: `FRAME_BYTES` of `packages/runner/src/record-sender.ts`. */
export const FRAME = Math.floor((96 * 1024) / recordJson(1, new Date(0).toISOString()).length);
