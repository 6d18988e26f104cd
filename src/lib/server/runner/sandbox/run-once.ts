/** What a `runOnce` has in common behind each driver. */
import type { SandboxLimits } from './driver.ts';
import { INSIDE_PATH } from './bubblewrap-arguments.ts';

/** Enough for git to pack a large repository, too little to hurt the machine. */
export const ONCE_LIMITS: SandboxLimits = { cpus: 2, memoryBytes: 2 * 1024 ** 3, pids: 256 };

export const ONCE_ENV: Record<string, string> = {
	PATH: INSIDE_PATH,
	HOME: '/tmp',
	LANG: 'C.UTF-8',
	GIT_CONFIG_NOSYSTEM: '1',
	GIT_TERMINAL_PROMPT: '0'
};

const STDERR_TAIL_BYTES = 8 * 1024;

/** Keeps the end of what a program says on stderr. */
export const collectTail = (): { add(chunk: Buffer): void; text(): string } => {
	let tail = Buffer.alloc(0);
	return {
		add: (chunk) => {
			tail = Buffer.concat([tail, chunk]).subarray(-STDERR_TAIL_BYTES);
		},
		text: () => tail.toString('utf8')
	};
};
