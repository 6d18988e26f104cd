/** How a sandbox is named and marked, so that it is found again and nobody else's is ever touched. */
import type { SandboxLabels } from './driver.ts';

export const INSTANCE_LABEL = 'agent-manager.instance';
export const SESSION_LABEL = 'agent-manager.session';
export const EPOCH_LABEL = 'agent-manager.epoch';
/** In which boot of the machine it was made. */
export const BOOT_LABEL = 'agent-manager.boot';
/** Marks the short-lived sandbox of one `runOnce`; it is never listed. */
export const ONCE_LABEL = 'agent-manager.once';

/** Of an image that we built: the tag it was built as, and a hash of what it was made from. */
export const IMAGE_LABEL = 'agent-manager.image';
export const SOURCES_LABEL = 'agent-manager.sources';

/**
 * Whether the image under this name is one of ours and older or newer than `sources`. One without our
 * labels, or made from ours under another name, is somebody's own: nobody but they may replace it.
 */
export const isOutdated = (
	image: string,
	labels: Record<string, string>,
	sources: string | null
): boolean =>
	sources !== null && labels[IMAGE_LABEL] === image && labels[SOURCES_LABEL] !== sources;

/** The fixed name of a session's container: makes creation idempotent. */
export const containerName = (sessionId: string): string => `agent-session-${sessionId}`;

export const toLabels = (labels: SandboxLabels): Record<string, string> => ({
	[INSTANCE_LABEL]: labels.instance,
	[SESSION_LABEL]: labels.session,
	[EPOCH_LABEL]: String(labels.epoch)
});

/** Null when any of the three is missing or malformed: then it is not ours. */
export const fromLabels = (
	labels: Record<string, string | undefined> | null | undefined
): SandboxLabels | null => {
	const instance = labels?.[INSTANCE_LABEL];
	const session = labels?.[SESSION_LABEL];
	const epoch = labels?.[EPOCH_LABEL];
	if (!instance || !session || !epoch || !/^[1-9]\d{0,14}$/.test(epoch)) return null;
	return { instance, session, epoch: Number(epoch) };
};

export const sameLabels = (a: SandboxLabels, b: SandboxLabels): boolean =>
	a.instance === b.instance && a.session === b.session && a.epoch === b.epoch;
