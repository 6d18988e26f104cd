/**
 * A manager that waits for the one that leads. It has no data to show: pages are the same shell, which
 * finds out through the API who leads, and the API answers nothing but that.
 */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import type { OriginPolicy } from './access/origin-policy.ts';
import type { Leader } from './db/manager-lease.ts';

export interface Standby {
	originPolicy: () => OriginPolicy;
	/** What it answers instead of data. */
	refusal: WireError;
}

export const notLeader = ({ holder, address }: Leader, ours: string): WireError =>
	wireError('not_leader', `Another manager leads: ${holder}. This one, at ${ours}, waits.`, {
		hint: `Open ${address}.`,
		details: { holder, address }
	});
