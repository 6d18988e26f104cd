/** Runs checks and sums them up. A check that throws is itself a finding; none stops the others. */
import { failed, type Check } from './check.ts';

export interface DoctorReport {
	checks: Check[];
	/** False when no session could run. */
	ready: boolean;
}

export type NamedCheck = [name: string, check: () => Promise<Check | Check[]>];

export async function runChecks(checks: readonly NamedCheck[]): Promise<DoctorReport> {
	const rows = await Promise.all(
		checks.map(async ([name, check]) => {
			try {
				return await check();
			} catch (error) {
				const message = error instanceof Error ? error.message : String(error);
				return failed(name, `could not be checked: ${message}`, 'This is a bug; please report it.');
			}
		})
	);
	const found = rows.flat();
	return { checks: found, ready: found.every(({ status }) => status !== 'fail') };
}
