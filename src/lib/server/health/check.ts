/** What `doctor` finds: one row for each thing looked at. */

/** `fail` only where no session could run; `warn` where something is missing or unsafe. */
export type CheckStatus = 'ok' | 'warn' | 'fail';

export interface Check {
	/** What was looked at, in one or two words. */
	name: string;
	status: CheckStatus;
	/** What was found. Never a secret. */
	found: string;
	/** What to do, for anything that is not `ok`. */
	advice: string | null;
}

export interface ProgramResult {
	/** Null when it was killed for taking too long. */
	exitCode: number | null;
	stdout: string;
	stderr: string;
}

/** Runs a program from PATH with a time limit. Null when there is none of that name. */
export type RunProgram = (
	program: string,
	argv: readonly string[]
) => Promise<ProgramResult | null>;

export const good = (name: string, found: string): Check => ({
	name,
	status: 'ok',
	found,
	advice: null
});

export const warning = (name: string, found: string, advice: string): Check => ({
	name,
	status: 'warn',
	found,
	advice
});

export const failed = (name: string, found: string, advice: string): Check => ({
	name,
	status: 'fail',
	found,
	advice
});
