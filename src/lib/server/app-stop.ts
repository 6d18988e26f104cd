/**
 * Takes the app apart in order: nothing new comes in, what is under way is written down, viewers and
 * runners are told to come back, the database goes last. Each part has its time; one that hangs does not
 * hold the others up, because whatever it leaves undone the next start finds.
 */
import type { Logger } from './logger.ts';

/** In the order they come; together less than what `adapter/shutdown.ts` gives the app. */
export const STOP_MS = {
	traffic: 1_000,
	work: 2_500,
	writes: 500,
	door: 500,
	programs: 500,
	database: 3_000
};

export interface Stoppable {
	logger: Logger;
	/** Lets no request in; resolves when those inside are answered. */
	closeTraffic: () => Promise<void>;
	/** Ends every `/ws`, and lets no new one in. */
	closeViewers: () => void;
	stopSessions: () => Promise<void>;
	stopRepos: () => Promise<void>;
	/** Resolves when what was asked of the log is written. */
	writesSettled: () => Promise<void>;
	closeDoor: () => Promise<void>;
	/** Ends the short programs that still run. */
	endPrograms: () => Promise<void>;
	stopDatabase: () => Promise<void>;
}

export const stopApp = async (parts: Stoppable): Promise<void> => {
	const within = async (part: keyof typeof STOP_MS, work: Promise<unknown>): Promise<void> => {
		let timer: NodeJS.Timeout | undefined;
		const late = new Promise<'late'>((resolve) => {
			timer = setTimeout(() => resolve('late'), STOP_MS[part]);
		});
		try {
			if ((await Promise.race([work, late])) === 'late') {
				parts.logger.warn({ part }, 'a part of the app did not end in time');
			}
		} catch (cause) {
			parts.logger.warn({ part, err: cause }, 'a part of the app did not end well');
		} finally {
			clearTimeout(timer);
		}
	};
	const answered = parts.closeTraffic();
	parts.closeViewers();
	await within('traffic', answered);
	await within('work', Promise.all([parts.stopSessions(), parts.stopRepos()]));
	await within('writes', parts.writesSettled());
	await within('door', parts.closeDoor());
	await within('programs', parts.endPrograms());
	await within('database', parts.stopDatabase());
};
