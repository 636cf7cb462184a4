-- The analytics copy of the ledger: one row for each execution that has ended, and what is added up from it by the hour.
-- Everything here can be made again from PostgreSQL.
--
-- The organization leads every key. A batch sent twice counts once, also in what is derived, because both the table and
-- each target of a materialized view remember the blocks of their last inserts: with a thousand batches an hour, 100,000
-- of them are four days, and the relay sends a batch again within minutes of ClickHouse's return, whenever that is.

-- @statement
create table if not exists executions {{on_cluster}} (
  organization_id UUID,
  id UUID,
  timestamp DateTime64(3, 'UTC'),
  ingested_at DateTime64(3, 'UTC') default now64(3, 'UTC'),
  user_id Nullable(UUID),
  batch_id Nullable(UUID),
  execution_sequence Nullable(Int32),
  source LowCardinality(String),
  status LowCardinality(String),

  command_base LowCardinality(String),
  task_kind LowCardinality(Nullable(String)),
  model LowCardinality(Nullable(String)),
  repository LowCardinality(Nullable(String)),
  branch Nullable(String),
  session_id Nullable(String),
  agent LowCardinality(Nullable(String)),
  agent_version LowCardinality(Nullable(String)),

  input_tokens Nullable(UInt64),
  output_tokens Nullable(UInt64),
  cache_read_tokens Nullable(UInt64),
  cache_write_5m_tokens Nullable(UInt64),
  cache_write_1h_tokens Nullable(UInt64),
  total_tokens Nullable(UInt64),
  fresh_tokens Nullable(UInt64),
  cache_hit_rate Nullable(Float64),

  execution_time_ms Nullable(UInt64),
  tool_calls Nullable(UInt32),

  cost_usd Nullable(Decimal(38, 12)),
  fresh_cost_usd Nullable(Decimal(38, 12)),
  cache_savings_usd Nullable(Decimal(38, 12)),
  reported_cost_usd Nullable(Decimal(38, 12)),
  cost_basis LowCardinality(Nullable(String)),
  price_version LowCardinality(Nullable(String)),

  error_message Nullable(String) codec(ZSTD(3)),
  -- JSON as text: a JSON column would double the cost of an insert, and questions about it are rare.
  command_args Nullable(String) codec(ZSTD(3)),
  command_features Nullable(String) codec(ZSTD(3)),
  workspace_context Nullable(String) codec(ZSTD(3)),
  session_context Nullable(String) codec(ZSTD(3)),
  output_characteristics Nullable(String) codec(ZSTD(3)),

  index idx_id id type bloom_filter(0.01) granularity 4,
  index idx_session_id session_id type bloom_filter(0.01) granularity 4
)
-- Rows never change, so no query needs FINAL; Replacing only heals a copy that is filled again from the ledger.
engine = {{engine:ReplacingMergeTree(ingested_at)}}
partition by toYYYYMM(timestamp)
primary key (organization_id, timestamp)
order by (organization_id, timestamp, id)
-- A backstop: what is kept is decided by the retention of the ledger, and both are to have the same totals.
ttl toDateTime(timestamp) + interval 10 year
settings {{deduplication:100000}}, ttl_only_drop_parts = 1

-- @statement
create table if not exists executions_hourly {{on_cluster}} (
  organization_id UUID,
  hour DateTime('UTC'),
  command_base LowCardinality(String),
  -- Keys hold no nulls: an unknown model or repository is the empty text here.
  model LowCardinality(String),
  repository LowCardinality(String),
  status LowCardinality(String),
  source LowCardinality(String),

  executions SimpleAggregateFunction(sum, UInt64),
  -- Sums of what is known; null when none of the hour's executions knew it.
  input_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
  output_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
  cache_read_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
  cache_write_5m_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
  cache_write_1h_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
  total_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
  fresh_tokens SimpleAggregateFunction(sum, Nullable(UInt64)),
  cost_usd SimpleAggregateFunction(sum, Nullable(Decimal(38, 12))),
  fresh_cost_usd SimpleAggregateFunction(sum, Nullable(Decimal(38, 12))),
  cache_savings_usd SimpleAggregateFunction(sum, Nullable(Decimal(38, 12))),
  reported_cost_usd SimpleAggregateFunction(sum, Nullable(Decimal(38, 12))),
  unpriced SimpleAggregateFunction(sum, UInt64),
  tool_calls SimpleAggregateFunction(sum, Nullable(UInt64)),
  execution_time_ms SimpleAggregateFunction(sum, Nullable(UInt64)),
  timed_executions SimpleAggregateFunction(sum, UInt64),
  -- Relative error 1 %: quantilesDDMerge(0.01, 0.5, 0.95, 0.99)(execution_time_quantiles)
  execution_time_quantiles AggregateFunction(quantilesDD(0.01, 0.5, 0.95, 0.99), Nullable(UInt64))
)
engine = {{engine:AggregatingMergeTree}}
partition by toYYYYMM(hour)
primary key (organization_id, hour)
order by (organization_id, hour, command_base, model, repository, status, source)
ttl hour + interval 10 year
settings {{deduplication:100000}}, ttl_only_drop_parts = 1

-- @statement
create materialized view if not exists executions_hourly_feed {{on_cluster}} to executions_hourly as
select
  organization_id,
  toStartOfHour(e.timestamp, 'UTC') as hour,
  command_base,
  ifNull(e.model, '') as model,
  ifNull(e.repository, '') as repository,
  status,
  source,
  count() as executions,
  sum(e.input_tokens) as input_tokens,
  sum(e.output_tokens) as output_tokens,
  sum(e.cache_read_tokens) as cache_read_tokens,
  sum(e.cache_write_5m_tokens) as cache_write_5m_tokens,
  sum(e.cache_write_1h_tokens) as cache_write_1h_tokens,
  sum(e.total_tokens) as total_tokens,
  sum(e.fresh_tokens) as fresh_tokens,
  sum(e.cost_usd) as cost_usd,
  sum(e.fresh_cost_usd) as fresh_cost_usd,
  sum(e.cache_savings_usd) as cache_savings_usd,
  sum(e.reported_cost_usd) as reported_cost_usd,
  countIf(e.cost_basis = 'unpriced') as unpriced,
  sum(e.tool_calls) as tool_calls,
  sum(e.execution_time_ms) as execution_time_ms,
  count(e.execution_time_ms) as timed_executions,
  quantilesDDState(0.01, 0.5, 0.95, 0.99)(e.execution_time_ms) as execution_time_quantiles
from executions as e
group by organization_id, hour, command_base, model, repository, status, source
