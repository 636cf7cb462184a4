-- What is learned from executions: patterns with their statistics, and a day-by-day summary for each command.
set local lock_timeout = '5s';

create table command_patterns (
  id bigint generated always as identity primary key,
  organization_id uuid not null references organizations (id) on delete cascade,
  pattern_signature varchar(500) not null,
  command_base varchar(100) not null,
  statistics_30d jsonb not null default '{}',
  token_drivers jsonb not null default '{}',
  cache_patterns jsonb not null default '{}',
  optimization_insights jsonb not null default '{}',
  failure_patterns jsonb not null default '{}',
  last_updated timestamptz not null default current_timestamp,
  sample_size integer not null default 0 check (sample_size >= 0),
  unique (organization_id, pattern_signature)
);

create index idx_command_patterns_base on command_patterns (organization_id, command_base);

alter table command_patterns enable row level security;
create policy tenant_isolation on command_patterns to netra_app
  using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());
create policy system_jobs on command_patterns to netra_system using (true) with check (true);
grant select on command_patterns to netra_app;
grant select, insert, update, delete on command_patterns to netra_system;

-- Days are UTC days whatever the session's time zone. Unknown costs are counted, not summed as zero.
create materialized view daily_command_stats as
select
  organization_id,
  (timestamp at time zone 'UTC')::date as day,
  command_base,
  count(*) as execution_count,
  count(*) filter (where status = 'failed') as failed_count,
  count(*) filter (where status = 'timeout') as timeout_count,
  avg(total_tokens) as avg_tokens,
  sum(total_tokens) as total_tokens,
  sum(cached_tokens) as cached_tokens,
  sum(cost_usd) as total_cost,
  count(*) filter (where cost_basis = 'unpriced') as unpriced_count,
  sum(cache_savings_usd) as total_cache_savings
from command_executions
where status <> 'pending'
group by organization_id, day, command_base;

-- Lets the view be refreshed concurrently, while it is read.
create unique index idx_daily_command_stats on daily_command_stats (organization_id, day, command_base);

-- Row-level security does not reach materialized views: the functions read this instead.
create view organization_daily_command_stats with (security_barrier) as
select * from daily_command_stats where organization_id = current_organization_id();

grant select on organization_daily_command_stats to netra_app;
grant select on daily_command_stats to netra_system;

create function refresh_daily_command_stats() returns void
  language plpgsql security definer
  set search_path = public, pg_temp
as
$$
begin
  refresh materialized view concurrently daily_command_stats;
end
$$;

revoke all on function refresh_daily_command_stats() from public;
grant execute on function refresh_daily_command_stats() to netra_system;
