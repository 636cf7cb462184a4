-- What patterns are counted from: one row for each organization, UTC day and pattern, which merge into 30 days and are taken
-- out again by subtraction; and where the counting stands.
set local lock_timeout = '5s';

-- Sums are numeric, so that nothing a tenant sends can overflow them. Unknown is not zero: each sum has beside it the number
-- of executions that told the figure. Sketches are counts by logarithmic buckets, in the encoding of shared/agent/sketch.ts.
create table pattern_daily_rollups (
  organization_id uuid not null references organizations (id) on delete cascade,
  day date not null,
  pattern_signature varchar(500) not null,
  command_base varchar(100) not null,
  execution_count bigint not null check (execution_count > 0),
  failed_count bigint not null,
  timeout_count bigint not null,
  measured_count bigint not null,
  total_tokens numeric not null,
  input_tokens numeric not null,
  output_tokens numeric not null,
  cached_tokens numeric not null,
  cache_write_5m_tokens numeric not null,
  cache_write_1h_tokens numeric not null,
  lost_tokens numeric not null,
  priced_count bigint not null,
  unpriced_count bigint not null,
  cost_usd numeric not null,
  lost_cost_usd numeric not null,
  saving_count bigint not null,
  cache_savings_usd numeric not null,
  timed_count bigint not null,
  execution_time_ms numeric not null,
  tokens_sketch bytea not null,
  cost_sketch bytea not null,
  time_sketch bytea not null,
  cache_rate_sketch bytea not null,
  failure_classes jsonb not null,
  primary key (organization_id, day, pattern_signature),
  check (failed_count + timeout_count <= execution_count),
  check (measured_count <= execution_count and priced_count <= execution_count and timed_count <= execution_count)
);

create index idx_pattern_daily_rollups_day on pattern_daily_rollups (day);
comment on column pattern_daily_rollups.lost_tokens is 'of executions that failed or timed out';
comment on column pattern_daily_rollups.lost_cost_usd is 'of executions that failed or timed out';

alter table pattern_daily_rollups enable row level security;
create policy tenant_isolation on pattern_daily_rollups for select to netra_app
  using (organization_id = current_organization_id());
create policy system_jobs on pattern_daily_rollups to netra_system using (true) with check (true);
grant select on pattern_daily_rollups to netra_app;
grant select, insert, update, delete on pattern_daily_rollups to netra_system;

-- The sum of a pattern's days within the window, so that a day can be added or taken out without reading the others.
alter table command_patterns add column window_30d jsonb not null default '{}';
-- A window does not shrink: trying to compress it and storing it elsewhere costs three times what storing the row does.
alter table command_patterns set (toast_tuple_target = 8160);

-- One row: what has been counted. `seen` is the snapshot of the last counting: what was visible in it is counted. Whatever
-- it did not show was written by a transaction that began at `unseen_since` or later.
create table pattern_state (
  only_row boolean primary key default true check (only_row),
  -- A snapshot means nothing in another server or after a dump was restored.
  server text not null,
  seen pg_snapshot not null,
  unseen_since timestamptz not null,
  window_first_day date not null,
  window_is_stale boolean not null,
  months_to_recount date[] not null
);

alter table pattern_state enable row level security;
create policy system_jobs on pattern_state to netra_system using (true) with check (true);
grant select, insert, update, delete on pattern_state to netra_system;

-- Days to be counted anew. Only ever added to by who marks, so that a mark made during a counting outlives it. Without an
-- organization it is everybody's day.
create table pattern_dirty_days (
  id bigint generated always as identity primary key,
  organization_id uuid,
  day date not null
);

alter table pattern_dirty_days enable row level security;
create policy tenant_isolation on pattern_dirty_days for select to netra_app
  using (organization_id = current_organization_id());
create policy system_jobs on pattern_dirty_days to netra_system using (true) with check (true);
grant select, insert, delete on pattern_dirty_days to netra_system;

/* Has the days from `first_day` to `last_day` counted anew by the next run, for one organization or, with null, for all.
   Whoever removes executions by other means than DELETE (a detached month) calls it in the transaction that does so. */
create function mark_pattern_days_dirty(organization uuid, first_day date, last_day date) returns void
  language plpgsql security definer
  set search_path = public, pg_temp
as
$$
begin
  if last_day - first_day > 4000 then
    raise exception 'at most 4000 days are marked at once' using errcode = 'invalid_parameter_value';
  end if;
  insert into pattern_dirty_days (organization_id, day)
  select organization, first_day + n from generate_series(0, last_day - first_day) as n;
end
$$;

revoke all on function mark_pattern_days_dirty(uuid, date, date) from public;
grant execute on function mark_pattern_days_dirty(uuid, date, date) to netra_system;

create function mark_deleted_executions() returns trigger
  language plpgsql security definer
  set search_path = public, pg_temp
as
$$
begin
  insert into pattern_dirty_days (organization_id, day)
  select distinct organization_id, (timestamp at time zone 'UTC')::date from deleted where status <> 'pending';
  return null;
end
$$;

create function mark_changed_execution() returns trigger
  language plpgsql security definer
  set search_path = public, pg_temp
as
$$
begin
  insert into pattern_dirty_days (organization_id, day)
  values (old.organization_id, (old.timestamp at time zone 'UTC')::date),
    (new.organization_id, (new.timestamp at time zone 'UTC')::date);
  return null;
end
$$;

revoke all on function mark_deleted_executions(), mark_changed_execution() from public;

create trigger mark_deleted_executions after delete on command_executions
  referencing old table as deleted for each statement execute function mark_deleted_executions();
-- Ending a pending execution is no change of what was counted; it is what nearly every update does.
create trigger mark_changed_execution after update on command_executions
  for each row when (old.status <> 'pending') execute function mark_changed_execution();

-- Finds what was written lately at next to no cost for who writes it.
create index idx_command_executions_updated_at on command_executions using brin (updated_at) with (pages_per_range = 32);

/* Lets that index tell pages of new rows apart: until then all of them are looked at. What a vacuum holds is left to it. */
create function summarize_updated_executions() returns void
  language plpgsql security definer
  set search_path = public, pg_temp
  set lock_timeout = '200ms'
as
$$
declare
  partition_index regclass;
begin
  for partition_index in
    select inhrelid::regclass from pg_inherits where inhparent = 'idx_command_executions_updated_at'::regclass
  loop
    begin
      perform brin_summarize_new_values(partition_index);
    exception when lock_not_available or undefined_table or undefined_object then
      null;
    end;
  end loop;
end
$$;

/* When the oldest transaction under way in this database began; now when there is none. Null when this cannot be told,
   because what other logins do is hidden from the owner of this function. */
create function oldest_transaction_start() returns timestamptz
  language sql volatile security definer
  set search_path = public, pg_temp
as
$$
  select case
    when bool_or(query = '<insufficient privilege>') then null
    else least(clock_timestamp(), min(xact_start))
  end
  from pg_stat_activity
  where datname = current_database() and backend_type not in ('autovacuum worker', 'walsender')
$$;

revoke all on function summarize_updated_executions(), oldest_transaction_start() from public;
grant execute on function summarize_updated_executions(), oldest_transaction_start() to netra_system;

-- The summary for each day and command becomes a table that a run brings up to date for the days it touched: refreshing a
-- view over the whole ledger costs as much as the whole ledger.
drop view organization_daily_command_stats;
drop function refresh_daily_command_stats();
drop materialized view daily_command_stats;

create table daily_command_stats (
  organization_id uuid not null,
  day date not null,
  command_base varchar(100) not null,
  execution_count bigint not null,
  failed_count bigint not null,
  timeout_count bigint not null,
  avg_tokens numeric,
  total_tokens numeric,
  cached_tokens numeric,
  total_cost numeric,
  unpriced_count bigint not null,
  total_cache_savings numeric,
  primary key (organization_id, day, command_base)
);

alter table daily_command_stats enable row level security;
create policy tenant_isolation on daily_command_stats for select to netra_app
  using (organization_id = current_organization_id());
create policy system_jobs on daily_command_stats to netra_system using (true) with check (true);
grant select, insert, update, delete on daily_command_stats to netra_system;

create view organization_daily_command_stats with (security_barrier) as
select * from daily_command_stats where organization_id = current_organization_id();
grant select on organization_daily_command_stats to netra_app;

/* Counts the summary anew from the whole ledger. Runs of the patterns function keep it up to date without. */
create function refresh_daily_command_stats() returns void
  language plpgsql security definer
  set search_path = public, pg_temp
as
$$
begin
  delete from daily_command_stats;
  insert into daily_command_stats
  select
    organization_id,
    (timestamp at time zone 'UTC')::date as day,
    command_base,
    count(*),
    count(*) filter (where status = 'failed'),
    count(*) filter (where status = 'timeout'),
    avg(total_tokens),
    sum(total_tokens),
    sum(cached_tokens),
    sum(cost_usd),
    count(*) filter (where cost_basis = 'unpriced'),
    sum(cache_savings_usd)
  from command_executions
  where status <> 'pending'
  group by organization_id, day, command_base;
end
$$;

revoke all on function refresh_daily_command_stats() from public;
grant execute on function refresh_daily_command_stats() to netra_system;
