/**
 * Ends a runner that nobody can find any more. One without a manager waits for ever: the manager comes back, and
 * a workspace that was moved away does, too. But when the session folder was deleted, what is written from
 * then on can be read by nobody, and no later manager finds a record of this sandbox.
 */
import { stat } from 'node:fs/promises';

export interface OrphanWatchOptions {
	sessionFolder: string;
	isConnected: () => boolean;
	/** Called once. */
	onOrphaned: () => void;
	/** Monotonic. */
	nowMs: () => number;
	lookMs?: number;
	/** A manager that is there notices first, and knows better what to do. */
	patienceMs?: number;
}

const LOOK_MS = 10_000;
const PATIENCE_MS = 60_000;

/** The mount of a folder that has no name any more outlives it, without a link; one that was moved has its own. */
const isDeleted = (folder: string): Promise<boolean> =>
	stat(folder).then(
		({ nlink }) => nlink === 0,
		() => false
	);

/** Looks until the function that it returns is called. */
export const watchForOrphan = ({
	sessionFolder,
	isConnected,
	onOrphaned,
	nowMs,
	lookMs = LOOK_MS,
	patienceMs = PATIENCE_MS
}: OrphanWatchOptions): (() => void) => {
	let aloneSinceMs: number | null = null;
	const look = async (): Promise<void> => {
		if (isConnected() || !(await isDeleted(sessionFolder))) {
			aloneSinceMs = null;
			return;
		}
		aloneSinceMs ??= nowMs();
		if (nowMs() - aloneSinceMs < patienceMs) return;
		clearInterval(timer);
		onOrphaned();
	};
	const timer = setInterval(() => void look(), lookMs);
	timer.unref();
	return () => clearInterval(timer);
};
