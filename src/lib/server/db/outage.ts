/** What the start reads must come through a database that is away for a moment, as all later reads do. */
import { databaseErrorMessage, isTransient } from './connection-errors.ts';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

export interface OutageOptions {
	/** Called before each pause, with the driver's words. */
	onWaiting: (message: string) => void;
	pause: (ms: number) => Promise<unknown>;
}

/**
 * Does `work` again until no lost connection or restarting server is in its way. It must bear being
 * begun anew. Rejects with what waiting does not mend.
 */
export const throughOutages = async <T>(
	work: () => Promise<T>,
	{ onWaiting, pause }: OutageOptions
): Promise<T> => {
	for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
		try {
			return await work();
		} catch (error) {
			if (!isTransient(error)) throw error;
			onWaiting(databaseErrorMessage(error));
			await pause(pauseMs);
		}
	}
};
