-- What the analytics questions ask for, added up ahead: a question over a million executions reads thousands of rows.
-- Each execution is counted once under every dimension: hourly under "all", by the UTC day under each of the others.
--
-- Who reads these sums compares their number of executions with that of the table itself and takes the table where they
-- differ, so that nothing here can make a figure wrong: not rows that arrived while this file was applied, and not rows
-- removed or filled in by hand.

-- @statement
create table if not exists execution_totals {{on_cluster}} (
  organization_id UUID,
  dimension LowCardinality(String),
  -- Start of the hour for "all", of the day otherwise.
  period DateTime('UTC'),
  -- What the dimension names; null where the execution told nothing.
  key Nullable(String),
  -- Empty for sessions, of which there are too many to keep each of them apart by status as well.
  status LowCardinality(String),

  executions SimpleAggregateFunction(sum, UInt64),
  failed SimpleAggregateFunction(sum, UInt64),
  timeouts SimpleAggregateFunction(sum, UInt64),
  -- Sums of what is known, null where nothing is, and how many executions knew it.
  input_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
  output_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
  cache_read_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
  cache_write_5m_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
  cache_write_1h_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
  total_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
  measured SimpleAggregateFunction(sum, UInt64),
  -- Tokens of the executions that have a cost.
  priced_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
  cost_usd SimpleAggregateFunction(sum, Nullable(Decimal(38, 12))),
  priced SimpleAggregateFunction(sum, UInt64),
  cache_savings_usd SimpleAggregateFunction(sum, Nullable(Decimal(38, 12))),
  reported_cost_usd SimpleAggregateFunction(sum, Nullable(Decimal(38, 12))),
  reported SimpleAggregateFunction(sum, UInt64),
  -- Each execution's own rate in millionths of a percent: whole numbers, whose sum depends on no order.
  cache_hit_micros SimpleAggregateFunction(sum, Nullable(UInt64)),
  rated SimpleAggregateFunction(sum, UInt64),
  first_at SimpleAggregateFunction(min, DateTime64(3, 'UTC')),
  last_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),

  people AggregateFunction(uniqExact, Nullable(UUID)),
  -- Kept for repositories alone.
  sessions AggregateFunction(uniqExact, String),
  -- The known figures themselves, because exact percentiles cannot be added up: costs of all but hours and sessions,
  -- times of models. Costs are whole pico-dollars: half the room of decimals, and selected in less than half the time. Those
  -- of nine million dollars and more do not fit and are left out, which whoever reads them sees by their number.
  costs SimpleAggregateFunction(groupArrayArray, Array(Int64)),
  times SimpleAggregateFunction(groupArrayArray, Array(UInt64)),
  -- Of sessions: the first and the last by name, alike where there is one.
  repository_min SimpleAggregateFunction(min, Nullable(String)),
  repository_max SimpleAggregateFunction(max, Nullable(String)),
  model_min SimpleAggregateFunction(min, Nullable(String)),
  model_max SimpleAggregateFunction(max, Nullable(String))
)
engine = {{engine:AggregatingMergeTree}}
partition by toYYYYMM(period)
primary key (organization_id, dimension, period)
order by (organization_id, dimension, period, key, status)
ttl period + interval 10 year
settings {{deduplication:100000}}, ttl_only_drop_parts = 1, allow_nullable_key = 1,
  index_granularity_bytes = 1000000

-- Executions of before: counted anew when this file is applied again.
-- @statement
drop view if exists execution_totals_feed {{on_cluster}} sync

-- @statement
truncate table execution_totals {{on_cluster}} sync

-- @statement
create materialized view execution_totals_feed {{on_cluster}} to execution_totals as
select
  organization_id,
  counted.1 as dimension,
  if(dimension = 'all', toStartOfHour(e.timestamp, 'UTC'), toStartOfDay(e.timestamp, 'UTC')) as period,
  counted.2 as key,
  if(dimension = 'session', '', e.status) as status,
  count() as executions,
  countIf(e.status = 'failed') as failed,
  countIf(e.status = 'timeout') as timeouts,
  sum(e.input_tokens) as input_tokens,
  sum(e.output_tokens) as output_tokens,
  sum(e.cache_read_tokens) as cache_read_tokens,
  sum(e.cache_write_5m_tokens) as cache_write_5m_tokens,
  sum(e.cache_write_1h_tokens) as cache_write_1h_tokens,
  sum(e.total_tokens) as total_tokens,
  count(e.total_tokens) as measured,
  sumIf(e.total_tokens, e.cost_usd is not null) as priced_tokens,
  sum(e.cost_usd) as cost_usd,
  count(e.cost_usd) as priced,
  sum(e.cache_savings_usd) as cache_savings_usd,
  sum(e.reported_cost_usd) as reported_cost_usd,
  count(e.reported_cost_usd) as reported,
  sum(toUInt64(round(e.cache_hit_rate * 1e6))) as cache_hit_micros,
  count(e.cache_hit_rate) as rated,
  min(e.timestamp) as first_at,
  max(e.timestamp) as last_at,
  uniqExactState(e.user_id) as people,
  uniqExactStateIf(e.session_id, dimension = 'repository') as sessions,
  groupArrayIf(
    toInt64(reinterpret(assumeNotNull(e.cost_usd), 'Int128')),
    dimension not in ('all', 'session') and e.cost_usd is not null and abs(e.cost_usd) < 9000000
  ) as costs,
  groupArrayIf(assumeNotNull(e.execution_time_ms), dimension = 'model' and e.execution_time_ms is not null) as times,
  minIf(e.repository, dimension = 'session') as repository_min,
  maxIf(e.repository, dimension = 'session') as repository_max,
  minIf(e.model, dimension = 'session') as model_min,
  maxIf(e.model, dimension = 'session') as model_max
from executions as e
array join cast(
  [
    ('all', null),
    ('command_base', toNullable(toString(e.command_base))),
    ('repository', toString(e.repository)),
    ('model', toString(e.model)),
    ('user', toString(e.user_id)),
    ('task_kind', toString(e.task_kind)),
    ('source', toNullable(toString(e.source))),
    ('session', e.session_id)
  ],
  'Array(Tuple(String, Nullable(String)))'
) as counted
group by organization_id, dimension, period, key, status

-- @statement
insert into execution_totals
select
  organization_id,
  counted.1 as dimension,
  if(dimension = 'all', toStartOfHour(e.timestamp, 'UTC'), toStartOfDay(e.timestamp, 'UTC')) as period,
  counted.2 as key,
  if(dimension = 'session', '', e.status) as status,
  count() as executions,
  countIf(e.status = 'failed') as failed,
  countIf(e.status = 'timeout') as timeouts,
  sum(e.input_tokens) as input_tokens,
  sum(e.output_tokens) as output_tokens,
  sum(e.cache_read_tokens) as cache_read_tokens,
  sum(e.cache_write_5m_tokens) as cache_write_5m_tokens,
  sum(e.cache_write_1h_tokens) as cache_write_1h_tokens,
  sum(e.total_tokens) as total_tokens,
  count(e.total_tokens) as measured,
  sumIf(e.total_tokens, e.cost_usd is not null) as priced_tokens,
  sum(e.cost_usd) as cost_usd,
  count(e.cost_usd) as priced,
  sum(e.cache_savings_usd) as cache_savings_usd,
  sum(e.reported_cost_usd) as reported_cost_usd,
  count(e.reported_cost_usd) as reported,
  sum(toUInt64(round(e.cache_hit_rate * 1e6))) as cache_hit_micros,
  count(e.cache_hit_rate) as rated,
  min(e.timestamp) as first_at,
  max(e.timestamp) as last_at,
  uniqExactState(e.user_id) as people,
  uniqExactStateIf(e.session_id, dimension = 'repository') as sessions,
  groupArrayIf(
    toInt64(reinterpret(assumeNotNull(e.cost_usd), 'Int128')),
    dimension not in ('all', 'session') and e.cost_usd is not null and abs(e.cost_usd) < 9000000
  ) as costs,
  groupArrayIf(assumeNotNull(e.execution_time_ms), dimension = 'model' and e.execution_time_ms is not null) as times,
  minIf(e.repository, dimension = 'session') as repository_min,
  maxIf(e.repository, dimension = 'session') as repository_max,
  minIf(e.model, dimension = 'session') as model_min,
  maxIf(e.model, dimension = 'session') as model_max
from executions as e
array join cast(
  [
    ('all', null),
    ('command_base', toNullable(toString(e.command_base))),
    ('repository', toString(e.repository)),
    ('model', toString(e.model)),
    ('user', toString(e.user_id)),
    ('task_kind', toString(e.task_kind)),
    ('source', toNullable(toString(e.source))),
    ('session', e.session_id)
  ],
  'Array(Tuple(String, Nullable(String)))'
) as counted
group by organization_id, dimension, period, key, status
settings max_partitions_per_insert_block = 1000

-- @statement requires=access-control
create row policy if not exists tenant_isolation {{on_cluster}}
on {{database}}.execution_totals
using organization_id = toUUIDOrZero(getSettingOrDefault('SQL_organization_id', ''))
to netra_app
