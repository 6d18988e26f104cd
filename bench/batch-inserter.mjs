/**
 * The limit of durable events: loops that insert batches of the same records into a table like the
 * log's, with a prepared statement each. Takes its settings as JSON in the first argument, prints the
 * number of records a second that were committed.
 */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { BATCH, rowJson } from './durable-record.mjs';

/** @type {{ url: string, loops: number, connections: number, warmUpMs: number, measureMs: number }} */
const settings = JSON.parse(process.argv[2] ?? '{}');

const INSERT = `insert into bench_events (session_id, seq, n, ts, source, type, payload, marks)
	select $1::uuid, (x->>'seq')::bigint, (x->>'n')::bigint, (x->>'ts')::timestamptz,
		x->>'source', x->>'type', x->'payload', nullif(x->'marks', 'null'::jsonb)
	from jsonb_array_elements($2::jsonb) as x`;

const pool = new pg.Pool({ connectionString: settings.url, max: settings.connections });
await pool.query('drop table if exists bench_events');
await pool.query('create table bench_events (like events including all)');

let committed = 0;
let stopped = false;

const insertAll = async () => {
	const id = randomUUID();
	for (let seq = 0; !stopped;) {
		const ts = new Date().toISOString();
		const rows = Array.from({ length: BATCH }, () => rowJson(++seq, ts));
		await pool.query({ name: 'insert', text: INSERT, values: [id, `[${rows.join(',')}]`] });
		committed += BATCH;
	}
};

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const loops = Array.from({ length: settings.loops }, insertAll);
await pause(settings.warmUpMs);
const from = { committed, at: performance.now() };
await pause(settings.measureMs);
console.log((committed - from.committed) / ((performance.now() - from.at) / 1000));
stopped = true;
await Promise.all(loops);
await pool.query('drop table bench_events');
await pool.end();
