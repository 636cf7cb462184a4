-- Workload events, their metrics by the hour, and what users did by the day.
--
-- Where the first sketch of these tables was wrong, this is what it meant:
-- - users are UUIDs and belong to an organization, which leads every key;
-- - an index with granularity 8192 over the first key column skipped nothing;
-- - a SummingMergeTree added up averages, minima and maxima as well, and only metrics[1] of each event was counted;
-- - metrics of one name in two units were one metric;
-- - TTL needs a DateTime, and was given a DateTime64 or missing.

-- @statement
create table if not exists workload_events {{on_cluster}} (
  organization_id UUID,
  event_id UUID default generateUUIDv4(),
  timestamp DateTime64(3, 'UTC') default now64(3, 'UTC'),
  user_id Nullable(UUID),
  workload_id String,
  event_type LowCardinality(String),
  event_category LowCardinality(String),
  metrics Nested(
    name LowCardinality(String),
    value Float64,
    unit LowCardinality(String)
  ),
  dimensions Map(LowCardinality(String), String),
  -- JSON as text.
  metadata String default '{}' codec(ZSTD(3)),

  index idx_user_id user_id type bloom_filter(0.01) granularity 4,
  index idx_workload_id workload_id type bloom_filter(0.01) granularity 1,
  index idx_event_type event_type type set(100) granularity 1
)
engine = {{engine:MergeTree}}
partition by toYYYYMM(timestamp)
primary key (organization_id, timestamp)
order by (organization_id, timestamp, event_id)
ttl toDateTime(timestamp) + interval 90 day
settings {{deduplication:10000}}

-- @statement
create table if not exists aggregated_metrics_hourly {{on_cluster}} (
  organization_id UUID,
  workload_id String,
  metric_name LowCardinality(String),
  unit LowCardinality(String),
  hour DateTime('UTC'),
  -- Keys hold no nulls: events of no user are counted under the zero UUID.
  user_id UUID,
  total_value SimpleAggregateFunction(sum, Float64),
  event_count SimpleAggregateFunction(sum, UInt64),
  min_value SimpleAggregateFunction(min, Float64),
  max_value SimpleAggregateFunction(max, Float64)
)
engine = {{engine:AggregatingMergeTree}}
partition by toYYYYMM(hour)
order by (organization_id, workload_id, metric_name, unit, hour, user_id)
ttl hour + interval 1 year
settings {{deduplication:10000}}

-- @statement
create materialized view if not exists aggregated_metrics_feed {{on_cluster}} to aggregated_metrics_hourly as
select
  organization_id,
  workload_id,
  metric.1 as metric_name,
  metric.3 as unit,
  toStartOfHour(e.timestamp, 'UTC') as hour,
  ifNull(e.user_id, toUUID('00000000-0000-0000-0000-000000000000')) as user_id,
  sum(metric.2) as total_value,
  count() as event_count,
  min(metric.2) as min_value,
  max(metric.2) as max_value
from workload_events as e
array join arrayZip(e.metrics.name, e.metrics.value, e.metrics.unit) as metric
where e.event_type = 'metric'
group by organization_id, workload_id, metric_name, unit, hour, user_id

-- @statement
create view if not exists aggregated_metrics {{on_cluster}} as
select
  organization_id,
  hour,
  nullIf(m.user_id, toUUID('00000000-0000-0000-0000-000000000000')) as user_id,
  workload_id,
  metric_name,
  unit,
  sum(m.total_value) as total_value,
  sum(m.event_count) as event_count,
  min(m.min_value) as min_value,
  max(m.max_value) as max_value,
  sum(m.total_value) / sum(m.event_count) as avg_value
from aggregated_metrics_hourly as m
group by organization_id, hour, m.user_id, workload_id, metric_name, unit

-- @statement
create table if not exists user_activity {{on_cluster}} (
  organization_id UUID,
  date Date default toDate(now('UTC')),
  user_id UUID,
  action LowCardinality(String),
  count SimpleAggregateFunction(sum, UInt64),
  total_duration_ms SimpleAggregateFunction(sum, UInt64),
  -- JSON as text; the newest part's value stands for the day.
  metadata SimpleAggregateFunction(anyLast, String) default '{}'
)
engine = {{engine:AggregatingMergeTree}}
partition by toYYYYMM(date)
order by (organization_id, date, user_id, action)
ttl toDateTime(date, 'UTC') + interval 6 month
settings {{deduplication:100000}}

-- @statement
create materialized view if not exists user_activity_feed {{on_cluster}} to user_activity as
select
  organization_id,
  toDate(e.timestamp, 'UTC') as date,
  assumeNotNull(e.user_id) as user_id,
  'execution' as action,
  count() as count,
  sum(ifNull(e.execution_time_ms, 0)) as total_duration_ms,
  '{}' as metadata
from executions as e
where e.user_id is not null
group by organization_id, date, user_id

-- @statement
create view if not exists recent_workloads {{on_cluster}} as
select
  organization_id,
  workload_id,
  user_id,
  max(timestamp) as last_seen,
  count() as event_count,
  uniqExact(event_type) as unique_event_types
from workload_events
where timestamp > now() - interval 7 day
group by organization_id, workload_id, user_id
