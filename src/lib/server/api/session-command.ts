/** Routes that ask something of a session: id, idempotency key and body are read at this one edge, in this order. */
import type { z } from 'zod';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import {
	commandIdSchema,
	sessionIdSchema,
	type CommandId,
	type SessionId
} from '@agent-manager/protocol/ids.ts';
import { wireError } from '#lib/domain/errors.ts';
import { ok, type Result } from '#lib/domain/result.ts';
import { answerResult, readBody, readId, readKey, refuse } from './answer.ts';

interface CommandEvent<P> {
	locals: App.Locals;
	params: P;
	request: Request;
}

interface Asked<P, B> {
	app: App.Locals['app'];
	id: SessionId;
	key: CommandId | undefined;
	body: B;
	params: P;
}

type Answered = Promise<Result<unknown, WireError>>;

/** `schema`: of the body; null where there is nothing to say beside the command itself. */
export const sessionCommand =
	<B = null, P extends { id: string } = { id: string }>(
		schema: z.ZodType<B> | null,
		ask: (asked: Asked<P, B>) => Answered,
		status = 202
	) =>
	async ({ locals, params, request }: CommandEvent<P>): Promise<Response> => {
		const id = readId(sessionIdSchema, params.id, 'session');
		if (!id.ok) return refuse(id.error);
		const key = readKey(request);
		if (!key.ok) return refuse(key.error);
		const body = schema ? await readBody(request, schema) : ok(null as B);
		if (!body.ok) return refuse(body.error);
		const { app } = locals;
		const asked = { app, params, id: id.value, key: key.value, body: body.value as B };
		return answerResult(await ask(asked), (value) => value, status);
	};

interface MessageParams {
	id: string;
	messageId: string;
}

/** The same of one queued message. */
export const messageCommand = <B = null>(
	schema: z.ZodType<B> | null,
	ask: (asked: Asked<MessageParams, B> & { messageId: CommandId }) => Answered
) => {
	const command = (messageId: CommandId) =>
		sessionCommand<B, MessageParams>(schema, (asked) => ask({ ...asked, messageId }));
	return async (event: CommandEvent<MessageParams>): Promise<Response> => {
		const id = readId(sessionIdSchema, event.params.id, 'session');
		if (!id.ok) return refuse(id.error);
		const messageId = commandIdSchema.safeParse(event.params.messageId);
		if (messageId.success) return command(messageId.data)(event);
		return refuse(wireError('not_found', 'There is no message with this id.'));
	};
};
