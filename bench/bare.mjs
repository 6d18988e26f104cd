/**
 * The limit that sessions are held against: a Node process with nothing in it but the Agent SDK, in
 * streaming-input mode, with the options that our runner gives it. Takes its settings as JSON in the
 * first argument and prompts as JSON lines on stdin; says how each turn went as a JSON line on stdout.
 */
import { createInterface } from 'node:readline';
import { query } from '@anthropic-ai/claude-agent-sdk';
import { ChunkReader } from './chunk-reader.mjs';
import { nowMs } from './clock.mjs';

/** @type {{ baseUrl: string, worktree: string, home: string, prompt: string, permissionMode?: 'default' }} */
const settings = JSON.parse(process.argv[2] ?? '{}');

/** @type {string[]} */
const waiting = [];
let wake = () => {};
let closed = false;
let pushedAt = nowMs();
/** @type {number | null} */
let allowedAt = null;
/** @type {number | null} */
let interruptedAt = null;
/** @type {number | null} */
let interruptAfterMs = null;

/** @param {string} prompt */
const push = (prompt) => {
	waiting.push(prompt);
	wake();
};

async function* prompts() {
	for (;;) {
		const prompt = waiting.shift();
		if (prompt !== undefined) {
			pushedAt = nowMs();
			yield /** @type {const} */ ({
				type: 'user',
				parent_tool_use_id: null,
				session_id: '',
				message: { role: 'user', content: prompt }
			});
			continue;
		}
		if (closed) return;
		await /** @type {Promise<void>} */ (new Promise((resolve) => (wake = resolve)));
	}
}

push(settings.prompt);
const running = query({
	prompt: prompts(),
	options: {
		cwd: settings.worktree,
		env: {
			PATH: process.env.PATH,
			LANG: 'C.UTF-8',
			HOME: settings.home,
			CLAUDE_CONFIG_DIR: `${settings.home}/claude`,
			ANTHROPIC_BASE_URL: settings.baseUrl,
			ANTHROPIC_AUTH_TOKEN: 'bench',
			CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
			DISABLE_AUTOUPDATER: '1',
			IS_SANDBOX: '1'
		},
		includePartialMessages: true,
		settingSources: [],
		strictMcpConfig: true,
		mcpServersDelivery: 'initialize',
		settings: { disableAutoMode: 'disable', useAutoModeDuringPlan: false },
		managedSettings: { disableAllHooks: true },
		systemPrompt: { type: 'preset', preset: 'claude_code', append: 'Bench.', snapshot: false },
		permissionMode: settings.permissionMode ?? 'bypassPermissions',
		allowDangerouslySkipPermissions: true,
		canUseTool: async (_name, updatedInput) => {
			allowedAt = nowMs();
			return { behavior: 'allow', updatedInput };
		}
	}
});

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
	const said = JSON.parse(line);
	interruptAfterMs = said.interruptAfterMs ?? null;
	push(said.prompt);
});
lines.on('close', () => {
	closed = true;
	wake();
});

let reader = new ChunkReader();
for await (const message of running) {
	const seenAt = nowMs();
	if (message.type === 'stream_event') {
		const { event } = message;
		if (event.type !== 'content_block_delta' || event.delta.type !== 'text_delta') continue;
		reader.take(event.delta.text, seenAt);
		if (interruptAfterMs === null) continue;
		setTimeout(() => {
			interruptedAt = nowMs();
			void running.interrupt();
		}, interruptAfterMs);
		interruptAfterMs = null;
	}
	if (message.type === 'result') {
		const failed = message.is_error && interruptedAt === null;
		const told = { allowedAt, interruptedAt, failed };
		const turn = { pushedAt, endedAt: seenAt, ...reader.summary(), ...told };
		reader = new ChunkReader();
		allowedAt = null;
		interruptedAt = null;
		process.stdout.write(`${JSON.stringify(turn)}\n`);
	}
}
