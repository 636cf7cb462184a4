-- Refuses while archived executions stand in the database: restore them first, or drop the schema `archive` yourself.
set local lock_timeout = '5s';

create or replace function ensure_command_executions_partition(moment timestamptz) returns text
  language plpgsql security definer
  set search_path = public, pg_temp
  set timezone = 'UTC'
as
$$
declare
  first_day constant date := date_trunc('month', moment)::date;
  next_month constant date := (first_day + interval '1 month')::date;
  partition constant text := 'command_executions_' || to_char(first_day, 'YYYY_MM');
  is_attached boolean := exists (
    select from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'command_executions'::regclass and c.relname = partition
  );
begin
  if moment < timestamptz '2020-01-01' or moment >= now() + interval '6 months' then
    raise exception 'no partition is made for %: executions are kept from 2020 to six months ahead', moment
      using errcode = 'datetime_field_overflow';
  end if;
  if is_attached then
    return null;
  end if;
  perform pg_advisory_xact_lock(hashtext('command_executions partitions'));
  select exists (select from pg_inherits where inhrelid = c.oid and inhparent = 'command_executions'::regclass)
  into is_attached
  from pg_class c
  where c.relname = partition and c.relnamespace = 'public'::regnamespace;
  if is_attached then
    return null;
  end if;
  if found then
    raise exception 'the executions of % have been archived', to_char(first_day, 'YYYY-MM') using errcode = 'NT001';
  end if;
  execute format('create table %I (like command_executions including defaults including constraints)', partition);
  execute format(
    'alter table command_executions attach partition %I for values from (%L) to (%L)',
    partition, first_day::timestamptz, next_month::timestamptz
  );
  return partition;
end
$$;

create or replace function cleanup_old_events(events_max integer default 10000) returns integer
  language plpgsql
as
$$
declare
  gone integer;
begin
  create temporary table if not exists old_events (
    organization_id uuid not null, id uuid not null, received_at timestamptz not null
  ) on commit drop;
  truncate old_events;
  insert into old_events
  select e.organization_id, e.id, e.received_at
  from events e
    left join event_types own on own.organization_id = e.organization_id and own.type = e.event_type
    left join event_types built_in on built_in.organization_id is null and built_in.type = e.event_type
  where e.next_attempt_at is null
    -- Leaves out the months in which nothing can be old enough.
    and e.received_at < now() - make_interval(days => (select least(min(retention_days), 90) from event_types))
    and e.received_at < now() - make_interval(days => coalesce(own.retention_days, built_in.retention_days, 90))
    and not exists (
      select from event_deliveries d
      where d.organization_id = e.organization_id and d.event_id = e.id and d.event_received_at = e.received_at
        and d.next_attempt_at is not null
    )
  order by e.received_at
  limit events_max
  for update of e skip locked;
  delete from github_events t using old_events o
  where t.organization_id = o.organization_id and t.event_id = o.id and t.received_at = o.received_at;
  delete from slack_events t using old_events o
  where t.organization_id = o.organization_id and t.event_id = o.id and t.received_at = o.received_at;
  delete from linear_events t using old_events o
  where t.organization_id = o.organization_id and t.event_id = o.id and t.received_at = o.received_at;
  delete from deployment_events t using old_events o
  where t.organization_id = o.organization_id and t.event_id = o.id and t.received_at = o.received_at;
  delete from event_deliveries t using old_events o
  where t.organization_id = o.organization_id and t.event_id = o.id and t.event_received_at = o.received_at;
  delete from event_processing_logs t using old_events o
  where t.organization_id = o.organization_id and t.event_id = o.id and t.started_at >= o.received_at;
  delete from events t using old_events o
  where t.organization_id = o.organization_id and t.id = o.id and t.received_at = o.received_at;
  get diagnostics gone = row_count;
  return gone;
end
$$;

drop view maintenance_recommendations;
drop function cleanup_expired_context_data(integer);
drop function note_retention(uuid, text, text, jsonb);
drop function erase_organization_row(uuid);
drop function close_organization(uuid);
drop function erase_sealed_rows(uuid);
drop function erase_tenant_rows(text, text, uuid, integer);
drop function count_tenant_rows(text, text, uuid);
drop function list_tenant_tables();
drop function drop_event_month(text, date, timestamptz);
drop function delete_past_rows(text, uuid, timestamptz, integer);
drop function count_past_rows(text, uuid[], timestamptz[], timestamptz);
drop function retention_time_column(text);
drop function attach_executions_month(date, timestamptz);
drop function add_archive_rows(date, text[], jsonb);
drop function drop_archive_tables(uuid, text);
drop function delete_archive_rows(text, uuid, integer);
drop function read_archive_rows(text, uuid, uuid, timestamptz, integer);
drop function list_archive_columns(text);
drop function count_archive_rows(text);
drop function archive_tables(date);
drop function remove_executions_early(date, uuid, timestamptz, boolean, integer);
drop function detach_executions_month(date);
drop function align_archive_columns(text);
drop function when_archived(text[]);
drop function execution_columns();
drop function freeze_pattern_days(uuid, date);
drop function early_executions_obstacle(date, uuid, timestamptz);
drop function executions_month_obstacle(date);
drop function pattern_server();
drop function retention_cutoffs(timestamptz);
drop table pattern_frozen_days;
drop table retention_archives;
drop table retention_counts;
drop table retention_runs;
drop table retention_policies;
drop schema archive;
