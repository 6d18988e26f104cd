import type { Session } from '@agent-manager/protocol/session.ts';
import * as z from 'zod';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok } from '#lib/domain/result.ts';
import { waitOver } from '#lib/domain/session-wait.ts';
import { briefly, sessionIdInput, tool, visibleSession } from '../tool.ts';

export const waitFor = tool({
	name: 'wait_for',
	description:
		'Waits until all (or any) of these sessions are at rest: done with what they were told, asking something that you may answer, or ended; what is the person’s to answer wakes you when it is answered and done. Registers the wait and answers at once: then END YOUR TURN without calling anything else. One message wakes you when it is so, or at the deadline. Waiting costs nothing and outlives restarts. A new wait takes the place of an earlier one.',
	input: z.strictObject({
		session_ids: z.array(sessionIdInput).min(1).max(50),
		mode: z.enum(['all', 'any']).default('all'),
		timeout_seconds: z.int().min(5).max(604_800).default(3_600)
	}),
	readOnly: false,
	onlyFor: 'orchestrator',
	run: async (context, { session_ids, mode, timeout_seconds }) => {
		const { caller, sessions, now, newId } = context;
		if (caller.kind === 'person') return fail(wireError('not_supported', 'Nobody to be woken.'));
		const sessionIds = [...new Set(session_ids)];
		const waited = new Map<string, Session>();
		for (const id of sessionIds) {
			const found = await visibleSession(context, id);
			if (!found.ok) return found;
			if (id === caller.session.id) {
				return fail(wireError('bad_request', 'session_ids: you can’t wait for yourself.'));
			}
			waited.set(id, found.value);
		}
		const deadline = new Date(now().getTime() + timeout_seconds * 1_000).toISOString();
		const wait = { waitId: newId(), mode, sessionIds, deadline };
		const found = [...waited.values()].map(briefly);
		const find = (id: string): Session | null => waited.get(id) ?? null;
		if (waitOver(wait, find, caller.session, now()) === 'fulfilled') {
			return ok({ over: true, sessions: found });
		}
		await sessions.registerWait(caller.session.id, wait);
		return ok({
			over: false,
			deadline,
			next: 'End your turn now. You are woken by a message.',
			sessions: found
		});
	}
});
