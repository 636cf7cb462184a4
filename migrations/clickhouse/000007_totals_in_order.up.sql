-- Costs and times of each insert in order: a percentile is found in half the time in numbers that go up for long, because the
-- processor foresees how they compare. Merges put the numbers of one insert behind those of another.

-- @statement
alter table execution_totals_feed {{on_cluster}} modify query
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
  arraySort(groupArrayIf(
    toInt64(reinterpret(assumeNotNull(e.cost_usd), 'Int128')),
    dimension not in ('all', 'session') and e.cost_usd is not null and abs(e.cost_usd) < 9000000
  )) as costs,
  arraySort(
    groupArrayIf(assumeNotNull(e.execution_time_ms), dimension = 'model' and e.execution_time_ms is not null)
  ) as times,
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

-- Those of before, in the background.
-- @statement
alter table execution_totals {{on_cluster}}
  update costs = arraySort(costs), times = arraySort(times) where notEmpty(costs) or notEmpty(times)
