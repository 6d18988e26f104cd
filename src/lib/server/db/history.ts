/** What the history views of the database say: for the usage page. docs/history.md describes them. */
import { sql } from 'drizzle-orm';
import type { Usage, UsageDay, UsageSum } from '@agent-manager/protocol/usage.ts';
import type { Day } from '#lib/domain/day-starts.ts';
import type { Database } from './client.ts';

/** A list shows at most so many rows; sums are of all. */
const ROWS_MAX = 100;

const SUMS = sql`
	sum(calls)::float8 as "calls", sum(input_tokens)::float8 as "inputTokens",
	sum(output_tokens)::float8 as "outputTokens", sum(cache_read_tokens)::float8 as "cacheReadTokens",
	sum(cache_write_tokens)::float8 as "cacheWriteTokens", sum(cost_usd)::float8 as "costUsd"`;

/** Of these days, oldest first; the last one is not over. The view is read once and summed in five ways. */
export const readUsage = async (db: Database, days: readonly Day[]): Promise<Usage> => {
	const starts = sql.param(days.map(({ startMs }) => new Date(startMs).toISOString()));
	const names = sql.param(days.map(({ name }) => name));
	const { rows } = await db.execute<{ usage: Usage }>(sql`
		with used as materialized (
			select *, width_bucket(at, ${starts}::timestamptz[]) as day_number
			from history_usage where at >= (${starts}::timestamptz[])[1]
		),
		by_day as (
			select d.name as day, ${SUMS}
			from unnest(${names}::text[]) with ordinality as d (name, number)
			left join used on used.day_number = d.number
			group by d.name, d.number order by d.number
		),
		by_repo as (
			select repo_id as id, min(repo) as name, ${SUMS} from used group by repo_id
			order by "costUsd" desc, "outputTokens" desc, name limit ${ROWS_MAX}
		),
		by_model as (
			select model as id, model as name, ${SUMS} from used group by model
			order by "costUsd" desc, "outputTokens" desc, name limit ${ROWS_MAX}
		),
		by_session as (
			select session_id as id, min(title) as name, ${SUMS} from used group by session_id
			order by "costUsd" desc, "outputTokens" desc, name limit ${ROWS_MAX}
		),
		whole as (select '' as id, '' as name, ${SUMS} from used)
		select json_build_object(
			'days', (select coalesce(json_agg(by_day), '[]') from by_day),
			'repos', (select coalesce(json_agg(by_repo), '[]') from by_repo),
			'models', (select coalesce(json_agg(by_model), '[]') from by_model),
			'sessions', (select coalesce(json_agg(by_session), '[]') from by_session),
			'sessionCount', (select count(distinct session_id) from used),
			'total', (select row_to_json(whole) from whole)
		) as usage`);
	const usage = rows[0]?.usage as Usage;
	return { ...usage, days: usage.days.map(filled), total: filled(usage.total) };
};

/** Sums of nothing are null in SQL. */
const filled = <T extends UsageDay | UsageSum>(row: T): T => {
	const numbers = Object.entries(row).map(([key, value]) => [key, value ?? 0]);
	return Object.fromEntries(numbers) as T;
};
