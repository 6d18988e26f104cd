/** The log as it stands in the app's own database, read past the app. */
import { join } from 'node:path';
import pg from 'pg';
import type { SessionEvent } from '../../packages/protocol/src/events.ts';
import { inspectEmbeddedPostgres } from '../../src/lib/server/db/embedded-postgres-status.ts';
import type { TestApp } from '../support/app.ts';
import type { LogRow } from './checker.ts';
import { eventHash } from './event-hash.ts';

export interface RunningDatabase {
	pid: number;
	url: string;
}

/** Null while it does not run. */
export const findDatabase = async (app: TestApp): Promise<RunningDatabase | null> => {
	const found = await inspectEmbeddedPostgres(join(app.workspace, 'postgres'));
	return found.ok && found.value.state.kind === 'running' ? found.value.state : null;
};

interface StoredRow extends Omit<SessionEvent, 'ts' | 'seq' | 'marks'> {
	seq: string;
	n: string | null;
	body: string | null;
}

export interface LogRows {
	rows: LogRow[];
	/** What the API and `/ws` show of them. */
	events: Pick<SessionEvent, 'seq' | 'source' | 'type' | 'payload'>[];
}

export const queryDatabase = async <Row extends pg.QueryResultRow>(
	app: TestApp,
	text: string,
	values: unknown[] = []
): Promise<Row[]> => {
	const database = await findDatabase(app);
	if (!database) throw new Error('the database does not run');
	const client = new pg.Client({ connectionString: database.url });
	await client.connect();
	try {
		return (await client.query<Row>(text, values)).rows;
	} finally {
		await client.end();
	}
};

/** One session's rows in order of `seq`. */
export const readLogRows = async (app: TestApp, sessionId: string): Promise<LogRows> => {
	const stored = await queryDatabase<StoredRow & pg.QueryResultRow>(
		app,
		`select e.seq, e.n, e.source, e.type, e.payload, b.body
			from events e left join event_bodies b using (session_id, seq)
			where session_id = $1 order by seq`,
		[sessionId]
	);
	const events = stored.map(({ seq, source, type, payload }) => ({
		seq: Number(seq),
		source,
		type,
		payload
	}));
	const rows = stored.map(({ seq, n, source, type, payload, body }): LogRow => {
		const shownHash = eventHash({ source, type, payload });
		return {
			seq: Number(seq),
			// A runner that lost a record says so under its number: then nobody has told that number.
			n: n === null || type === 'runner.record_lost' ? null : Number(n),
			shownHash,
			originalHash:
				body === null ? shownHash : eventHash({ source, type, payload: JSON.parse(body) })
		};
	});
	return { rows, events };
};
