/** An expected failure is a value. Bugs throw. */
export type Result<T, E> = { ok: true; value: T } | { ok: false; error: E };

export function ok(): Result<void, never>;
export function ok<T>(value: T): Result<T, never>;
export function ok<T>(value?: T): Result<T | undefined, never> {
	return { ok: true, value };
}

export const fail = <E>(error: E): Result<never, E> => ({ ok: false, error });
