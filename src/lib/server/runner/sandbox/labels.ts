/** How a sandbox is named and marked, so that it is found again and nobody else's is ever touched. */
import type { SandboxLabels } from './driver.ts';

export const INSTANCE_LABEL = 'agent-manager.instance';
export const SESSION_LABEL = 'agent-manager.session';
export const EPOCH_LABEL = 'agent-manager.epoch';
/** Marks the short-lived sandbox of one `runOnce`; it is never listed. */
export const ONCE_LABEL = 'agent-manager.once';

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
