-- Removes what can be counted again from the ledger, and gives the summary back its materialized view.
set local lock_timeout = '5s';

drop trigger mark_deleted_executions on command_executions;
drop trigger mark_changed_execution on command_executions;
drop function mark_deleted_executions();
drop function mark_changed_execution();
drop function summarize_updated_executions();
drop function oldest_transaction_start();
drop function mark_pattern_days_dirty(uuid, date, date);
drop index idx_command_executions_updated_at;
drop table pattern_dirty_days;
drop table pattern_state;
drop table pattern_daily_rollups;
alter table command_patterns drop column window_30d;
alter table command_patterns reset (toast_tuple_target);

drop function refresh_daily_command_stats();
drop view organization_daily_command_stats;
drop table daily_command_stats;

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
