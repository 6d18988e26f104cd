import { decideSchema } from '@agent-manager/protocol/requests.ts';
import * as z from 'zod';
import { wireError } from '#lib/domain/errors.ts';
import { decisionRefusal } from '#lib/domain/orchestrator-decisions.ts';
import { fail } from '#lib/domain/result.ts';
import { briefAnswer, sessionIdInput, steeredSession, tool } from '../tool.ts';

export const answerRequest = tool({
	name: 'answer',
	description:
		'Answers what a session asks (see pending in read_session): a question by answers (question → answer), a plan or an approval by allow or deny. Commands are the person’s to allow, not yours.',
	input: z.strictObject({
		session_id: sessionIdInput,
		request_id: decideSchema.shape.requestId,
		decision: decideSchema.shape.decision,
		answers: z.record(z.string(), z.string()).optional(),
		message: decideSchema.shape.message.describe('Said to the session when you deny.')
	}),
	readOnly: false,
	run: async (context, { session_id, request_id, decision, answers, message }) => {
		const found = await steeredSession(context, session_id);
		if (!found.ok) return found;
		const { caller, sessions } = context;
		const request = found.value.pending.find(({ requestId }) => requestId === request_id);
		if (!request) {
			return fail(wireError('decision_not_pending', 'Nothing waits for this answer any more.'));
		}
		const own = caller.kind === 'orchestrator' ? caller.session : null;
		const refusal = own && decisionRefusal(own.permissionMode, request, decision);
		if (refusal) return fail(refusal);
		const body = {
			requestId: request_id,
			decision,
			...(message !== undefined && { message }),
			...(request.kind === 'question' && answers && { updatedInput: { answers } })
		};
		return briefAnswer(await sessions.decide(session_id, body, undefined, own?.id));
	}
});
