/** Which process on which machine holds the lease, so that one on the same machine can tell its death. */
import { hostname } from 'node:os';
import { readlinkSync } from 'node:fs';
import * as z from 'zod';
import { currentBootId, statOf } from '#lib/server/process-stat.ts';

export const processIdentitySchema = z.object({
	/** Where `pid` means something: host, boot and namespace of process ids. */
	machine: z.string(),
	pid: z.int(),
	/** null where the system does not tell. */
	startTime: z.string().nullable()
});
export type ProcessIdentity = z.infer<typeof processIdentitySchema>;

const pidNamespace = (): string => {
	try {
		return readlinkSync('/proc/self/ns/pid');
	} catch {
		return '';
	}
};

const thisMachine = (): string => [hostname(), currentBootId(), pidNamespace()].join(' ');

export const ownIdentity = (): ProcessIdentity => ({
	machine: thisMachine(),
	pid: process.pid,
	startTime: statOf(process.pid)?.startTime ?? null
});

const answersSignals = (pid: number): boolean => {
	try {
		return process.kill(pid, 0);
	} catch (cause) {
		return (cause as NodeJS.ErrnoException).code === 'EPERM';
	}
};

/** True only if it is certain. One on another machine may always live. */
export const isGone = ({ machine, pid, startTime }: ProcessIdentity): boolean => {
	if (machine !== thisMachine()) return false;
	if (startTime === null) return !answersSignals(pid);
	const now = statOf(pid);
	return now === null || now.zombie || now.startTime !== startTime;
};

/** Kills it where it is certain that it is that very process. */
export const endProcess = (identity: ProcessIdentity): void => {
	const { pid, startTime } = identity;
	if (identity.machine !== thisMachine() || startTime === null || isGone(identity)) return;
	if (pid === process.pid) return;
	try {
		process.kill(pid, 'SIGKILL');
	} catch {
		// Gone meanwhile, or another user's: its connections are ended, and it ends itself.
	}
};
