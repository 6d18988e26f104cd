import * as z from 'zod';
import { wireError } from '#lib/domain/errors.ts';
import { fail, ok } from '#lib/domain/result.ts';
import { tool } from '../tool.ts';

export const report = tool({
	name: 'report',
	description:
		'Tells the person what came of the work, as a card in your transcript: what is done on which branch, what you checked, what is open. Markdown.',
	input: z.strictObject({ text: z.string().trim().min(1).max(20_000) }),
	readOnly: false,
	onlyFor: 'orchestrator',
	run: async ({ caller, sessions }, { text }) => {
		if (caller.kind === 'person') return fail(wireError('not_supported', 'Nobody to report for.'));
		await sessions.report(caller.session.id, text);
		return ok({ reported: true });
	}
});
