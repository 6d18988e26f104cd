/** How routes read a request and answer it: parse, call, return. */
import type { z } from 'zod';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import { IDEMPOTENCY_HEADER, idempotencyKeySchema } from '@agent-manager/protocol/requests.ts';
import type { CommandId } from '@agent-manager/protocol/ids.ts';
import { ERROR_TABLE, wireError } from '#lib/domain/errors.ts';
import { fail, ok, type Result } from '#lib/domain/result.ts';

/** A body is at most this large: a 1 MiB prompt, escaped, with room around it. */
export const BODY_MAX_BYTES = 4 * 1_048_576;

export const answer = (body: unknown, status = 200): Response => Response.json(body, { status });

export const refuse = (error: WireError): Response => {
	const headers = error.code === 'unauthorized' ? { 'www-authenticate': 'Bearer' } : undefined;
	return Response.json({ error }, { status: ERROR_TABLE[error.code].httpStatus, headers });
};

export const answerResult = <T>(
	result: Result<T, WireError>,
	toBody: (value: T) => unknown,
	status = 200
): Response => (result.ok ? answer(toBody(result.value), status) : refuse(result.error));

/** Says which field is wrong and what it must be, in one line. */
export const parseWith = <S extends z.ZodType>(
	schema: S,
	value: unknown
): Result<z.output<S>, WireError> => {
	const parsed = schema.safeParse(value);
	if (parsed.success) return ok(parsed.data);
	const issues = parsed.error.issues.slice(0, 5).map((issue) => ({
		field: issue.path.join('.') || '(whole)',
		problem: issue.message
	}));
	const first = issues[0];
	return fail(
		wireError('bad_request', `${first?.field ?? 'request'}: ${first?.problem ?? 'is not valid'}`, {
			details: { issues }
		})
	);
};

/** The body as it came. */
export const readBytes = async (
	request: Request,
	maxBytes: number
): Promise<Result<Buffer, WireError>> => {
	const tooLarge = () =>
		fail(wireError('payload_too_large', `This body is at most ${maxBytes} bytes.`));
	if (Number(request.headers.get('content-length') ?? 0) > maxBytes) return tooLarge();
	const chunks: Uint8Array[] = [];
	let size = 0;
	try {
		for await (const chunk of request.body ?? []) {
			size += chunk.byteLength;
			if (size > maxBytes) return tooLarge();
			chunks.push(chunk);
		}
	} catch {
		return tooLarge();
	}
	return ok(Buffer.concat(chunks));
};

const readText = async (request: Request): Promise<Result<string, WireError>> => {
	const bytes = await readBytes(request, BODY_MAX_BYTES);
	if (!bytes.ok) return bytes;
	try {
		return ok(new TextDecoder('utf-8', { fatal: true }).decode(bytes.value));
	} catch {
		return fail(wireError('bad_request', 'The body is not valid UTF-8.'));
	}
};

/** Parses a JSON body; an empty one counts as `{}`. Anything but JSON is refused by its type. */
export const readBody = async <S extends z.ZodType>(
	request: Request,
	schema: S
): Promise<Result<z.output<S>, WireError>> => {
	const text = await readText(request);
	if (!text.ok) return text;
	if (text.value === '') return parseWith(schema, {});
	const type = (request.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase();
	if (type !== 'application/json') {
		return fail(wireError('bad_request', 'Send JSON with content-type application/json.'));
	}
	try {
		return parseWith(schema, JSON.parse(text.value));
	} catch (cause) {
		if (!(cause instanceof SyntaxError)) throw cause;
		return fail(wireError('bad_request', 'The body is not valid JSON.'));
	}
};

export const readQuery = <S extends z.ZodType>(
	url: URL,
	schema: S
): Result<z.output<S>, WireError> => parseWith(schema, Object.fromEntries(url.searchParams));

/** The request's idempotency key; undefined when it has none. */
export const readKey = (request: Request): Result<CommandId | undefined, WireError> => {
	const header = request.headers.get(IDEMPOTENCY_HEADER);
	if (header === null) return ok(undefined);
	const parsed = idempotencyKeySchema.safeParse(header);
	return parsed.success
		? ok(parsed.data)
		: fail(wireError('bad_request', `${IDEMPOTENCY_HEADER}: must be a UUID`));
};

/** An id in a path. One that is no id at all is as unknown as one that is. */
export const readId = <S extends z.ZodType>(
	schema: S,
	value: string | undefined,
	what: 'repo' | 'session'
): Result<z.output<S>, WireError> => {
	const parsed = schema.safeParse(value);
	if (parsed.success) return ok(parsed.data);
	return fail(wireError(`${what}_not_found`, `There is no ${what} with this id.`));
};
