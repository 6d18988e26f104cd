/** Calls of an orchestrator's tools in a few words, with the session that each is about. */
import { arrayAt, textAt, type Loose } from './loose-json.ts';
import type { ToolBlock } from './transcript-blocks.ts';

const PREFIX = 'mcp__sessions__';

export const isSessionTool = (name: string | null): boolean => name?.startsWith(PREFIX) ?? false;

const LABELS: Record<string, string> = {
	list_sessions: 'List sessions',
	start_session: 'Start session',
	read_session: 'Read session',
	read_changes: 'Read changes',
	send_message: 'Tell',
	interrupt_session: 'Interrupt',
	stop_session: 'Stop',
	wait_for: 'Wait for',
	answer: 'Answer',
	report: 'Report'
};

/** `mcp__sessions__start_session` → `Start session`; null for another tool. */
export const sessionToolLabel = (name: string): string | null => {
	if (!isSessionTool(name)) return null;
	const tool = name.slice(PREFIX.length);
	return Object.hasOwn(LABELS, tool) ? (LABELS[tool] ?? null) : null;
};

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const RESULT_MAX = 200_000;

const resultOf = ({ result }: ToolBlock): unknown => {
	if (!result || result.text.length > RESULT_MAX) return null;
	try {
		return JSON.parse(result.text) as unknown;
	} catch {
		return null;
	}
};

/** Whom the call is about, each once: those that it names, or the one that it started. */
export const sessionsOfCall = (block: ToolBlock): string[] => {
	const named: unknown[] = [
		textAt(block.input, 'session_id'),
		...arrayAt(block.input, 'session_ids')
	];
	if (block.name === `${PREFIX}start_session`) named.push(textAt(resultOf(block), 'session_id'));
	const ids = named.filter((id): id is string => typeof id === 'string' && UUID.test(id));
	return [...new Set(ids)];
};

/** What a refused call was told. */
export const refusalOfCall = (block: ToolBlock): string | null =>
	block.result?.isError ? (textAt(resultOf(block), 'message') ?? block.result.text) : null;

export const subjectOfCall = (input: Loose): string =>
	['prompt', 'message', 'decision', 'path'].flatMap((key) => textAt(input, key) ?? [])[0] ?? '';
