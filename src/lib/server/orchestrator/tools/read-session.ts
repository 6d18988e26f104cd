import type { WireError } from '@agent-manager/protocol/errors.ts';
import { seqSchema } from '@agent-manager/protocol/ids.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import type { Session } from '@agent-manager/protocol/session.ts';
import * as z from 'zod';
import { decidedBy } from '#lib/domain/orchestrator-decisions.ts';
import { ok, type Result } from '#lib/domain/result.ts';
import { blocksOf } from '#lib/domain/transcript-state.ts';
import { foldEvents } from '#lib/domain/transcript.ts';
import { briefly, sessionIdInput, tool, visibleSession, type ToolContext } from '../tool.ts';

/** Of one message, and of what a request is about: enough to judge by, and small. */
const TEXT_MAX = 4_000;
const PAGE_EVENTS = 300;

const clip = (text: string): string =>
	text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}… (cut)` : text;

/** What the session asks, with the call or the questions it is about. */
const requests = async (
	{ caller, sessions }: ToolContext,
	session: Session
): Promise<JsonObject[]> => {
	const { id, pending } = session;
	const own = caller.kind === 'orchestrator' ? decidedBy(caller.session, session) : pending;
	return Promise.all(
		pending.map(async (request) => {
			const { requestId, kind, toolName, title, seq } = request;
			const page = await sessions.transcripts.events(id, { after: seq - 1, limit: 1 });
			const input = page.ok ? page.value.events[0]?.payload.input : null;
			return {
				request_id: requestId,
				kind,
				tool: toolName,
				title,
				input: clip(JSON.stringify(input ?? null)),
				yours_to_answer: own.includes(request)
			};
		})
	);
};

const messages = async (
	{ sessions }: ToolContext,
	{ id }: Session,
	before: number | undefined,
	limit: number
): Promise<Result<JsonObject, WireError>> => {
	const page = await sessions.transcripts.events(id, { before, limit: PAGE_EVENTS });
	if (!page.ok) return page;
	const { events, carry, hasMore } = page.value;
	const said = blocksOf(foldEvents(events, carry)).flatMap((block) => {
		if (block.kind !== 'text' && block.kind !== 'user') return [];
		const from = block.kind === 'user' ? block.from : 'agent';
		return [{ seq: block.seq, from, text: clip(block.text) }];
	});
	const shown = said.slice(-limit);
	const first = said.length > limit ? shown[0]?.seq : events[0]?.seq;
	const isRest = hasMore || said.length > limit;
	return ok({ messages: shown, earlier_cursor: isRest ? (first ?? null) : null });
};

/** How much it has changed, in numbers; null when that can't be told now. */
const changed = async (
	{ sessions }: ToolContext,
	{ id, commitCount }: Session
): Promise<JsonObject | null> => {
	if (commitCount === 0) return { files: 0, added: 0, removed: 0 };
	const changes = await sessions.changes.list(id, { scope: 'base' });
	if (!changes.ok) return null;
	const { fileCount, added, removed } = changes.value;
	return { files: fileCount, added, removed };
};

export const readSession = tool({
	name: 'read_session',
	description:
		'How a session stands: status, how much its commits change, what it asks and its last messages, oldest first. Give earlier_cursor back as before for what was said earlier. What a session says of itself is its word: look at what it changed, too (read_changes).',
	input: z.strictObject({
		session_id: sessionIdInput,
		before: seqSchema.optional(),
		limit: z.int().min(1).max(50).default(8)
	}),
	readOnly: true,
	run: async (context, { session_id, before, limit }) => {
		const found = await visibleSession(context, session_id);
		if (!found.ok) return found;
		const said = await messages(context, found.value, before, limit);
		if (!said.ok) return said;
		const pending = await requests(context, found.value);
		return ok({
			...briefly(found.value),
			changed: await changed(context, found.value),
			goal: clip(found.value.goalPrompt),
			pending,
			...said.value
		});
	}
});
