/** The commands that a client may send over `/ws`: the same calls that the routes make. */
import type { ClientPayload } from '@agent-manager/protocol/browser-frames.ts';
import type { WireError } from '@agent-manager/protocol/errors.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import {
	configureSchema,
	decideSchema,
	sendMessageSchema,
	startSessionSchema
} from '@agent-manager/protocol/requests.ts';
import type { PlainCommand } from '#lib/domain/plain-command.ts';
import { ok, type Result } from '#lib/domain/result.ts';
import type { BrowserServices } from './viewer.ts';

type Subscribing =
	| 'subscribe.session'
	| 'subscribe.repo'
	| 'subscribe.repo_list'
	| 'unsubscribe'
	| 'snapshot.request';
export type ClientCommand = Exclude<ClientPayload, { type: Subscribing }>;

const pick = <K extends string>(value: object, keys: readonly K[]): Record<string, unknown> =>
	Object.fromEntries(Object.entries(value).filter(([key]) => keys.includes(key as K)));

export const runClientCommand = async (
	{ sessions, repos }: BrowserServices,
	command: ClientCommand
): Promise<Result<JsonObject, WireError>> => {
	switch (command.type) {
		case 'session.start': {
			const body = pick(command, Object.keys(startSessionSchema.shape));
			return sessions.start(command.repoId, startSessionSchema.parse(body), command.idempotencyKey);
		}
		case 'session.send_message':
			return sessions.sendMessage(
				command.sessionId,
				sendMessageSchema.parse(pick(command, Object.keys(sendMessageSchema.shape))),
				'person',
				command.idempotencyKey
			);
		case 'session.edit_message': {
			const { sessionId, messageId, message, idempotencyKey } = command;
			return sessions.editMessage(sessionId, messageId, message, idempotencyKey);
		}
		case 'session.remove_message':
			return sessions.removeMessage(command.sessionId, command.messageId, command.idempotencyKey);
		case 'session.move_message': {
			const { sessionId, messageId, before, idempotencyKey } = command;
			return sessions.moveMessage(sessionId, messageId, { before }, idempotencyKey);
		}
		case 'session.decide': {
			const body = pick(command, Object.keys(decideSchema.shape));
			return sessions.decide(command.sessionId, decideSchema.parse(body), command.idempotencyKey);
		}
		case 'session.configure': {
			const body = pick(command, Object.keys(configureSchema.shape));
			return sessions.configure(
				command.sessionId,
				configureSchema.parse(body),
				command.idempotencyKey
			);
		}
		case 'session.rules': {
			const { sessionId, add, remove, idempotencyKey } = command;
			return sessions.rules(sessionId, { add, remove }, idempotencyKey);
		}
		case 'session.rename':
			return sessions.rename(command.sessionId, { title: command.title }, command.idempotencyKey);
		case 'repo.register': {
			const registered = await repos.register(command.url);
			return registered.ok ? ok({ repo: registered.value }) : registered;
		}
		case 'repo.refresh': {
			const refreshed = await repos.refresh(command.repoId);
			return refreshed.ok ? ok({ repo: refreshed.value }) : refreshed;
		}
		default: {
			const plain = command.type.slice('session.'.length) as PlainCommand;
			return sessions.plain(command.sessionId, plain, command.idempotencyKey);
		}
	}
};
