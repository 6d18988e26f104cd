import { promptSchema } from '@agent-manager/protocol/requests.ts';
import * as z from 'zod';
import {
	briefAnswer,
	commandKey,
	keyInput,
	sessionIdInput,
	steeredSession,
	tool
} from '../tool.ts';

export const sendMessage = tool({
	name: 'send_message',
	description:
		'Says something to a session that you started. It gets it when it is idle; until then it waits in its queue.',
	input: z.strictObject({
		session_id: sessionIdInput,
		message: promptSchema,
		key: keyInput
	}),
	readOnly: false,
	run: async (context, { session_id, message, key }) => {
		const found = await steeredSession(context, session_id);
		if (!found.ok) return found;
		const { caller, sessions } = context;
		const own = caller.kind === 'orchestrator' ? caller.session.id : undefined;
		const from = own === undefined ? 'person' : 'orchestrator';
		const command = commandKey(context, 'send_message', key);
		return briefAnswer(await sessions.sendMessage(session_id, { message }, from, command, own));
	}
});

const plain = (name: string, command: 'interrupt' | 'stop', description: string) =>
	tool({
		name,
		description,
		input: z.strictObject({ session_id: sessionIdInput }),
		readOnly: false,
		run: async (context, { session_id }) => {
			const found = await steeredSession(context, session_id);
			if (!found.ok) return found;
			return briefAnswer(await context.sessions.plain(session_id, command));
		}
	});

export const interruptSession = plain(
	'interrupt_session',
	'interrupt',
	'Ends the turn of a session that you started; its agent stays and waits for input.'
);

export const stopSession = plain(
	'stop_session',
	'stop',
	'Ends a session that you started: its sandbox goes, its branch and transcript stay.'
);
