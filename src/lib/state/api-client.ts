/**
 * The API as the pages call it. The server is of the same build as the page (`/ws` checks the
 * version), so answers are trusted to have the type they are documented with; errors are values.
 * The cookie of the sign-in goes along by itself: same origin.
 */
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';

export type ApiResult<T> = Promise<Result<T, WireError>>;

interface RequestOptions {
	method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
	body?: unknown;
	/** Makes a command exactly-once: the same key may be sent again after a lost answer. */
	idempotencyKey?: string;
	signal?: AbortSignal;
	/** Statuses beside 2xx whose body is an answer and no error. */
	accept?: readonly number[];
}

/** Told of each 401, so that the page can show the way to sign in. */
type UnauthorizedListener = () => void;
let onUnauthorized: UnauthorizedListener = () => undefined;

export const setUnauthorizedListener = (listener: UnauthorizedListener): void => {
	onUnauthorized = listener;
};

const isWireError = (value: unknown): value is WireError =>
	typeof value === 'object' &&
	value !== null &&
	typeof (value as WireError).code === 'string' &&
	typeof (value as WireError).message === 'string';

const errorOf = async (response: Response): Promise<WireError> => {
	const body: unknown = await response.json().catch(() => null);
	const error = (body as { error?: unknown } | null)?.error;
	if (isWireError(error)) return error;
	const code = response.status === 401 ? 'unauthorized' : 'internal';
	return wireError(code, `The server answered ${response.status} ${response.statusText}`.trim());
};

/**
 * Calls the API at `path` (with the leading slash). Fails with the server's error, or with
 * `shutting_down` when the server could not be reached: then nobody knows whether it took effect.
 */
export const callApi = async <T>(path: string, options: RequestOptions = {}): ApiResult<T> => {
	const headers: Record<string, string> = { accept: 'application/json' };
	if (options.body !== undefined) headers['content-type'] = 'application/json';
	if (options.idempotencyKey) headers['idempotency-key'] = options.idempotencyKey;
	let response: Response;
	try {
		response = await fetch(path, {
			method: options.method ?? 'GET',
			headers,
			body: options.body === undefined ? undefined : JSON.stringify(options.body),
			signal: options.signal
		});
	} catch {
		return fail(
			wireError('shutting_down', 'The app could not be reached.', {
				hint: 'Is it still running? Look at the terminal that you started it from, then try again.'
			})
		);
	}
	if (!response.ok && !options.accept?.includes(response.status)) {
		if (response.status === 401) {
			const error = await errorOf(response);
			if (error.code === 'unauthorized') onUnauthorized();
			return fail(error);
		}
		return fail(await errorOf(response));
	}
	return ok((await response.json()) as T);
};
