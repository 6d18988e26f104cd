-- The history views: documented in docs/history.md. A later migration may replace one and add columns at
-- its end; names and meanings stay.
--
-- What a sandbox says may be anything, so nothing here may fail on it: a value of another type than
-- expected counts as missing.
CREATE OR REPLACE FUNCTION "history_number"(value jsonb, most numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
	select case when jsonb_typeof(value) = 'number' then
		case when value::numeric between 0 and most then value::numeric else 0 end
	end
$$;
--> statement-breakpoint
CREATE VIEW "history_sessions" AS
select
	s.id as session_id,
	s.repo_id,
	case when r.kind = 'local' then r.name else r.owner || '/' || r.name end as repo,
	s.title,
	s.role,
	s.status,
	s.branch_name,
	s.base_branch,
	s.model as asked_model,
	coalesce(history_number(s.state->'turns', 1e12), 0)::bigint as turns,
	coalesce(history_number(s.state->'commitCount', 1e12), 0)::bigint as commits,
	s.last_seq as events,
	coalesce(history_number(s.state#>'{usage,costUsd}', 1e12), 0) as cost_usd,
	s.created_at,
	s.updated_at,
	s.archived_at
from sessions s
join repos r on r.id = s.repo_id;
--> statement-breakpoint
-- One row for each result that the agent stated: usually one a turn. Its total counts up over the whole
-- conversation; a smaller one means that it began anew.
CREATE VIEW "history_results" AS
with told as (
	select
		e.session_id,
		e.seq,
		e.ts,
		e.payload,
		coalesce(history_number(e.payload->'total_cost_usd', 1e9), 0) as total,
		count(*) filter (where e.type = 'runner.turn_started')
			over (partition by e.session_id order by e.seq) as turn,
		e.type
	from events e
	where (e.type = 'runner.turn_started' and e.source = 'runner')
		or (e.type like 'claude.result%' and e.source = 'claude')
), results as (
	select
		t.*,
		coalesce(lag(t.total) over (partition by t.session_id order by t.seq), 0) as before
	from told t
	where t.type <> 'runner.turn_started' and jsonb_typeof(t.payload->'usage') = 'object'
)
select
	r.session_id,
	r.seq,
	r.turn,
	r.ts as at,
	substr(r.type, 15) as result,
	answered.model,
	coalesce(history_number(r.payload->'num_turns', 1e9), 0)::bigint as model_calls,
	history_number(r.payload->'duration_ms', 1e12) as duration_ms,
	case
		when answered.model = 'agent-manager-demo' then 0
		when r.total >= r.before then r.total - r.before
		else r.total
	end as cost_usd,
	case
		when jsonb_typeof(r.payload->'model_usage_since_last_result') = 'object'
			then r.payload->'model_usage_since_last_result'
		when jsonb_typeof(r.payload->'modelUsage') = 'object' then r.payload->'modelUsage'
		else '{}'::jsonb
	end as by_model
from results r
left join lateral (
	select a.payload#>>'{message,model}' as model
	from events a
	where a.session_id = r.session_id
		and a.seq < r.seq
		and a.type = 'claude.assistant'
		and a.payload#>>'{message,model}' <> '<synthetic>'
	order by a.seq desc
	limit 1
) answered on true;
--> statement-breakpoint
CREATE VIEW "history_turns" AS
with marks as (
	select
		e.session_id,
		e.seq,
		e.ts,
		e.type,
		e.payload,
		count(*) filter (where e.type = 'runner.turn_started')
			over (partition by e.session_id order by e.seq) as turn
	from events e
	where (e.type in ('runner.turn_started', 'runner.turn_ended') and e.source = 'runner')
		or (
			e.type in ('session.idled', 'session.failed', 'session.stopped', 'session.finished')
			and e.source = 'manager'
		)
), turns as (
	select
		m.session_id,
		m.turn,
		min(m.seq) as first_seq,
		min(m.ts) filter (where m.type = 'runner.turn_started') as started_at,
		min(m.seq) filter (where m.type <> 'runner.turn_started') as last_seq,
		min(m.ts) filter (where m.type <> 'runner.turn_started') as ended_at,
		min(m.payload->>'commandId') filter (where m.type = 'runner.turn_started') as command_id,
		min(m.payload->>'outcome') filter (where m.type = 'runner.turn_ended') as outcome
	from marks m
	where m.turn > 0
	group by m.session_id, m.turn
)
select
	t.session_id,
	t.turn,
	t.first_seq,
	t.last_seq,
	t.started_at,
	t.ended_at,
	case when t.ended_at is null then 'open' else coalesce(t.outcome, 'cut off') end as outcome,
	coalesce(handed.text, asked.text) as prompt,
	asked.said_by as prompt_by,
	r.model,
	coalesce(r.model_calls, 0) as model_calls,
	coalesce(r.cost_usd, 0) as cost_usd
from turns t
left join lateral (
	select m.payload->>'text' as text, m.payload->>'from' as said_by
	from events m
	where m.session_id = t.session_id
		and m.type = 'message.accepted'
		and m.source = 'manager'
		and m.payload->>'commandId' = t.command_id
	order by m.seq
	limit 1
) asked on true
-- What was edited while it waited is said again when it is handed over, just before its turn.
left join lateral (
	select h.payload->>'text' as text
	from events h
	where h.session_id = t.session_id
		and h.seq between t.first_seq - 200 and t.first_seq
		and h.type = 'message.handed_over'
		and h.source = 'manager'
		and h.payload->>'commandId' = t.command_id
	order by h.seq desc
	limit 1
) handed on true
left join (
	select
		session_id,
		turn,
		(array_agg(model order by seq desc))[1] as model,
		sum(model_calls)::bigint as model_calls,
		sum(cost_usd) as cost_usd
	from history_results
	group by session_id, turn
) r on r.session_id = t.session_id and r.turn = t.turn;
--> statement-breakpoint
CREATE VIEW "history_tool_calls" AS
with calls as (
	select distinct on (e.session_id, call->>'id')
		e.session_id,
		e.seq,
		e.ts,
		call->>'id' as tool_use_id,
		call->>'name' as tool,
		call->'input' as input,
		e.payload->>'parent_tool_use_id' as parent_tool_use_id
	from events e
	cross join lateral
		jsonb_path_query(e.payload, 'lax $.message.content[*] ? (@.type == "tool_use")') as call
	where e.type = 'claude.assistant'
	order by e.session_id, call->>'id', e.seq
), results as (
	select distinct on (e.session_id, told->>'tool_use_id')
		e.session_id,
		e.seq,
		e.ts,
		told->>'tool_use_id' as tool_use_id,
		coalesce(told->'is_error' = 'true'::jsonb, false) as failed
	from events e
	cross join lateral
		jsonb_path_query(e.payload, 'lax $.message.content[*] ? (@.type == "tool_result")') as told
	where e.type = 'claude.user'
	order by e.session_id, told->>'tool_use_id', e.seq
)
select
	c.session_id,
	c.seq,
	c.tool_use_id,
	c.tool,
	c.input,
	c.parent_tool_use_id,
	c.ts as called_at,
	r.ts as answered_at,
	r.seq as answer_seq,
	r.failed
from calls c
left join results r on r.session_id = c.session_id and r.tool_use_id = c.tool_use_id;
--> statement-breakpoint
CREATE VIEW "history_files" AS
with touched as (
	select
		c.session_id,
		c.tool,
		c.called_at,
		regexp_replace(
			coalesce(c.input->>'file_path', c.input->>'notebook_path'),
			'^.*/worktrees/[0-9a-f-]{36}/', ''
		) as path
	from history_tool_calls c
	where c.tool in ('Read', 'Edit', 'MultiEdit', 'Write', 'NotebookEdit') and c.failed is false
)
select
	session_id,
	path,
	count(*) filter (where tool = 'Read') as reads,
	count(*) filter (where tool <> 'Read') as changes,
	min(called_at) as first_at,
	max(called_at) as last_at
from touched
where path is not null
group by session_id, path;
--> statement-breakpoint
-- Tokens as the model's server stated them to the door, cost as the agents state it: one row for each call
-- and one for each model of a result.
CREATE VIEW "history_usage" AS
with shares as (
	select
		r.session_id,
		r.at,
		r.model as answered_by,
		r.cost_usd,
		part.key as named,
		coalesce(history_number(part.value->'costUSD', 1e9), 0) as share,
		sum(coalesce(history_number(part.value->'costUSD', 1e9), 0))
			over (partition by r.session_id, r.seq) as whole
	from history_results r
	left join lateral jsonb_each(r.by_model) part on true
	where r.cost_usd > 0
), spent as (
	select
		session_id,
		ts as at,
		model,
		1 as calls,
		input_tokens,
		output_tokens,
		cache_read_tokens,
		cache_write_tokens,
		0::numeric as cost_usd
	from model_calls
	union all
	select
		session_id,
		at,
		case when whole > 0 then named else coalesce(answered_by, 'unknown') end,
		0, 0, 0, 0, 0,
		case when whole > 0 then cost_usd * share / whole else cost_usd end
	from shares
	where whole = 0 or share > 0
)
select
	spent.at,
	(spent.at at time zone 'UTC')::date as day,
	s.repo_id,
	case when r.kind = 'local' then r.name else r.owner || '/' || r.name end as repo,
	spent.session_id,
	s.title,
	regexp_replace(spent.model, '\[[^\]]*\]$', '') as model,
	spent.calls,
	spent.input_tokens,
	spent.output_tokens,
	spent.cache_read_tokens,
	spent.cache_write_tokens,
	spent.cost_usd
from spent
join sessions s on s.id = spent.session_id
join repos r on r.id = s.repo_id;
--> statement-breakpoint
CREATE VIEW "history_usage_by_day" AS
select
	day,
	repo,
	model,
	count(distinct session_id) as sessions,
	sum(calls) as calls,
	sum(input_tokens) as input_tokens,
	sum(output_tokens) as output_tokens,
	sum(cache_read_tokens) as cache_read_tokens,
	sum(cache_write_tokens) as cache_write_tokens,
	sum(cost_usd) as cost_usd
from history_usage
group by day, repo, model;
