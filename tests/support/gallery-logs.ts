/** What the gallery shows: a recorded session, and a log for each card and state that it does not have. */
import type { SessionEvent } from '@agent-manager/protocol/events.ts';
import type { JsonObject } from '@agent-manager/protocol/json.ts';
import { LogWriter, PATCH, writeStory } from './transcript-events.ts';

export interface GalleryLog {
	title: string;
	events: SessionEvent[];
}

/** 40 by 30. */
const PICTURE =
	'iVBORw0KGgoAAAANSUhEUgAAACgAAAAeCAIAAADRv8uKAAAAK0lEQVR42u3NMQ0AAAgDsHnCE2oRhQw4mvRvqudExGKxWCwWi8VisVj8N15hNonLk5mDqQAAAABJRU5ErkJggg==';

const written = (title: string, write: (log: LogWriter) => void): GalleryLog => {
	const log = new LogWriter();
	write(log);
	return { title, events: log.events };
};

/** A call and what came of it. */
const called = (
	log: LogWriter,
	name: string,
	input: JsonObject,
	content: unknown,
	structured?: unknown,
	isError = false
): void => {
	const id = `call-${log.events.length}`;
	log.calls(`m-${id}`, id, name, input);
	log.result(id, content, structured, { isError });
};

const system = (log: LogWriter, subtype: string, more: JsonObject): void =>
	void log.claude({ type: 'system', subtype, ...more });

const tools = (log: LogWriter): void => {
	called(log, 'Bash', { command: 'npm test' }, '\u001b[32m12 passed\u001b[39m', {
		...{ stdout: '\u001b[32m12 passed\u001b[39m', stderr: 'a warning', interrupted: false }
	});
	called(log, 'Bash', { command: 'npm run dev', run_in_background: true }, 'started', {
		...{ stdout: '', stderr: '', backgroundTaskId: 'b1' }
	});
	called(log, 'Bash', { command: 'npm run build', run_in_background: true }, 'started', {
		...{ stdout: '', stderr: '', backgroundTaskId: 'b2' }
	});
	system(log, 'task_notification', {
		...{ task_id: 'b2', tool_use_id: `call-${log.events.length - 2}`, status: 'completed' },
		summary: 'built in 4 s'
	});
	called(log, 'Bash', { command: 'false' }, 'Exit code 1', undefined, true);
	called(log, 'Write', { file_path: 'src/new.ts', content: 'export {};\n' }, 'Created', {
		...{ type: 'create', filePath: 'src/new.ts', content: 'export {};\n', structuredPatch: [] }
	});
	called(log, 'Edit', { file_path: 'src/a.ts', old_string: 'b', new_string: 'c' }, 'ok', {
		...{ filePath: 'src/a.ts', structuredPatch: PATCH }
	});
	called(
		log,
		'NotebookEdit',
		{ notebook_path: 'a.ipynb', new_source: 'print(1)', cell_id: 'c1' },
		'Updated cell c1',
		{ new_source: 'print(1)', cell_type: 'code', language: 'python', edit_mode: 'replace' }
	);
	called(log, 'WebFetch', { url: 'https://example.org/' }, '# A page\n\nwith **words**', {
		...{ code: 200, result: '# A page' }
	});
	called(log, 'WebSearch', { query: 'a parser' }, 'Links: []');
	called(log, 'mcp__github__create_issue', { title: 'A bug', labels: ['bug'] }, '{"number":7}');
	called(log, 'Read', { file_path: 'shot.png' }, [
		{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: PICTURE } }
	]);
	log.calls('m-run', 'still', 'Bash', { command: 'sleep 60' });
};

const runs = (log: LogWriter): void => {
	for (const file of ['a', 'b', 'c', 'd', 'e']) {
		called(log, 'Read', { file_path: `src/${file}.ts` }, `1\tconst ${file} = 1;`);
	}
	called(log, 'Grep', { pattern: 'const' }, 'src/a.ts');
	log.text('after', 'All of them are constants.');
};

const notices = (log: LogWriter): void => {
	system(log, 'compact_boundary', {
		compact_metadata: { pre_tokens: 150_000, post_tokens: 9_000 }
	});
	system(log, 'model_fallback', { fallback_model: 'claude-haiku-5' });
	system(log, 'status', { compact_result: 'failed', compact_error: 'too little room' });
	system(log, 'permission_denied', { tool_name: 'Bash', decision_reason: 'not in this mode' });
	log.claude({
		type: 'rate_limit_event',
		rate_limit_info: { status: 'rejected', resetsAt: 1_795_000_000, rateLimitType: 'five_hour' }
	});
	log.manager('session.configured', { commandId: 'c', model: 'opus', permissionMode: 'plan' });
	log.manager('egress.denied', { host: 'tracker.example', port: 443, reason: 'not on the list' });
	log.manager('conversation.lost', { forkProblem: 'The other session’s folder is gone.' });
	log.manager('conversation.lost', {});
	log.manager('worktree.created', {
		...{ baseCommit: 'b'.repeat(40), baseAgeSeconds: null },
		carried: { checkpoint: null, filesChanged: 0, problem: 'The other session’s worktree is gone.' }
	});
	log.manager('commits.collected', { head: 'b'.repeat(40), commitCount: 3, fastForward: true });
	log.manager('session.reported', { text: 'Both parts are **done**.' });
	log.claude({ type: 'something_new', detail: { of: ['a', 'later', 'version'] } });
	log.manager('session.failed', {
		error: { code: 'internal', message: 'The sandbox ran out of memory.', hint: 'Resume it.' }
	});
};

/** `recorded`: a session's log, a line of JSON for each event. */
export const galleryLogs = (recorded: string): GalleryLog[] => [
	{
		title: 'A recorded session',
		events: recorded
			.trimEnd()
			.split('\n')
			.map((line) => JSON.parse(line) as SessionEvent)
	},
	{ title: 'A story of two turns', events: writeStory() },
	written('Tools', tools),
	written('Runs of small calls', runs),
	written('Notices', notices),
	written('A fork', (log) => {
		log.manager('session.created', {
			...{ role: 'implementer', branchName: 'agent/x', baseBranch: 'main', goalPrompt: 'On' },
			...{ model: null, permissionMode: 'full', forkedFrom: { sessionId: 'other', seq: 9 } }
		});
		const carried = { checkpoint: 'c'.repeat(40), filesChanged: 3, problem: null };
		const made = { baseCommit: 'b'.repeat(40), baseAgeSeconds: null };
		log.manager('worktree.created', { ...made, carried });
		log.accepted('m', `Go on. ${'And take care of the long lines. '.repeat(60)}`);
		log.turnStarted('m');
		log.says('t', { type: 'thinking', thinking: 'What was it?', signature: 'x' });
		log.text('t', 'Right: `سلام` and a very-long-word-'.padEnd(300, 'x'));
	})
];
