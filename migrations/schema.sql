-- The PostgreSQL schema after all migrations, to see what a change of them changes and to notice what nobody meant.
-- Written by `npm run migrate -- dump`; a test compares it.

create sequence analytics_batch;

CREATE OR REPLACE FUNCTION public.add_archive_rows(first_day date, columns text[], archived_rows jsonb)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET "TimeZone" TO 'UTC'
 SET "DateStyle" TO 'ISO'
AS $function$
declare
  name constant text := 'command_executions_' || to_char(first_day, 'YYYY_MM');
  list text;
  added bigint;
begin
  if to_regclass(format('archive.%I', name)) is null then
    execute format('create table archive.%I (like command_executions including defaults including constraints)', name);
    execute format('alter table archive.%I add primary key (organization_id, id, timestamp)', name);
  end if;
  select string_agg(format('(r ->> %s)::%s', position - 1, c.data_type), ', ' order by position) into list
  from unnest(columns) with ordinality as w(wanted, position) join list_archive_columns(name) c on c.column_name = w.wanted;
  execute format(
    'insert into archive.%I as kept (%s) select %s from jsonb_array_elements($1) as r ' ||
      when_archived(array(select quote_ident(wanted) from unnest(columns) as wanted)),
    name, (select string_agg(quote_ident(wanted), ', ') from unnest(columns) as wanted), list
  ) using archived_rows;
  get diagnostics added = row_count;
  return added;
end
$function$;

CREATE OR REPLACE FUNCTION public.align_archive_columns(name text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
declare
  definition text;
begin
  for definition in
    select format('add column %I %s %s', a.attname, format_type(a.atttypid, a.atttypmod),
      coalesce('default ' || pg_get_expr(d.adbin, d.adrelid), '') || case when a.attnotnull then ' not null' else '' end)
    from pg_attribute a left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attrelid = 'command_executions'::regclass and a.attnum > 0 and not a.attisdropped
      and a.attname not in (
        select own.attname from pg_attribute own
        where own.attrelid = format('archive.%I', name)::regclass and own.attnum > 0 and not own.attisdropped
      )
  loop
    execute format('alter table archive.%I %s', name, definition);
  end loop;
  for definition in
    select format('add constraint %I %s', c.conname, pg_get_constraintdef(c.oid))
    from pg_constraint c
    where c.conrelid = 'command_executions'::regclass and c.contype = 'c' and not exists (
      select from pg_constraint own where own.conrelid = format('archive.%I', name)::regclass and own.conname = c.conname
    )
  loop
    execute format('alter table archive.%I %s', name, definition);
  end loop;
end
$function$;

CREATE OR REPLACE FUNCTION public.applied_migrations()
 RETURNS integer[]
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
begin
  return (select coalesce(array_agg(m.version order by m.version), '{}') from schema_migrations m);
end
$function$;

CREATE OR REPLACE FUNCTION public.archive_tables(first_day date)
 RETURNS SETOF text
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
  select c.relname::text from pg_class c
  where c.relnamespace = 'archive'::regnamespace and c.relkind = 'r'
    and c.relname in ('command_executions_' || to_char(first_day, 'YYYY_MM'), 'command_executions_' || to_char(first_day, 'YYYY_MM') || '_early')
  order by 1
$function$;

CREATE OR REPLACE FUNCTION public.attach_executions_month(first_day date, hold timestamp with time zone)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET lock_timeout TO '2s'
 SET "TimeZone" TO 'UTC'
AS $function$
declare
  next_month constant date := (first_day + interval '1 month')::date;
  partition constant text := 'command_executions_' || to_char(first_day, 'YYYY_MM');
  name text;
  list text;
  added bigint;
  total bigint := 0;
begin
  for name in select archive_tables(first_day)
  loop
    perform align_archive_columns(name);
    execute format('select count(*) from archive.%I', name) into added;
    total := total + added;
    if to_regclass(format('public.%I', partition)) is null then
      execute format('alter table archive.%I set schema public', name);
      if name <> partition then
        execute format('alter table %I rename to %I', name, partition);
      end if;
      execute format(
        'alter table command_executions attach partition %I for values from (%L) to (%L)',
        partition, first_day::timestamptz, next_month::timestamptz
      );
    else
      select string_agg(quote_ident(column_name), ', ') into list from list_archive_columns(name);
      execute format('insert into command_executions (%s) select %s from archive.%I on conflict do nothing', list, list, name);
      execute format('drop table archive.%I', name);
    end if;
  end loop;
  update retention_archives set state = 'restored', held_until = hold, updated_at = clock_timestamp()
  where month = first_day and state <> 'dropped';
  return total;
end
$function$;

CREATE OR REPLACE FUNCTION public.check_subscription_match(wanted_event uuid, wanted_subscription uuid)
 RETURNS boolean
 LANGUAGE sql
 STABLE
RETURN (EXISTS (SELECT FROM events e, event_subscriptions s WHERE ((e.id = check_subscription_match.wanted_event) AND (s.id = check_subscription_match.wanted_subscription) AND event_matches(e.*, s.*))));

CREATE OR REPLACE FUNCTION public.cleanup_expired_context_data(rows_max integer DEFAULT 10000)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET lock_timeout TO '2s'
AS $function$
declare
  name text;
  part bigint;
  gone bigint := 0;
begin
  for name in
    select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname like 'context\_%'
      and a.attname = 'expires_at' and not a.attisdropped
  loop
    execute format(
      'delete from %I where ctid = any (array(select ctid from %I where expires_at < now() limit $1))', name, name
    ) using rows_max;
    get diagnostics part = row_count;
    gone := gone + part;
  end loop;
  delete from event_source_secrets
  where ctid = any (array(select ctid from event_source_secrets where not_after < now() - interval '1 day' limit rows_max));
  get diagnostics part = row_count;
  return gone + part;
end
$function$;

CREATE OR REPLACE FUNCTION public.cleanup_old_events(events_max integer DEFAULT 10000)
 RETURNS integer
 LANGUAGE plpgsql
AS $function$
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
    -- Two hours more, for a clock that is wrong.
    and e.received_at < now() - interval '2 hours' - make_interval(days => coalesce(own.retention_days, built_in.retention_days, 90))
    -- Not before the analytics copy has it.
    and e.id not in (select unnest(record_ids) from analytics_outbox where kind = 'events')
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
$function$;

CREATE OR REPLACE FUNCTION public.close_organization(organization uuid)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
  update api_keys set is_active = false, revoked_at = coalesce(revoked_at, now()) where organization_id = organization;
  update event_sources set status = 'disabled' where organization_id = organization;
  update event_subscriptions set is_active = false, disabled_reason = 'the organization is being erased' where organization_id = organization;
$function$;

CREATE OR REPLACE FUNCTION public.count_archive_rows(name text)
 RETURNS TABLE(organization_id uuid, row_count bigint, first_at timestamp with time zone, last_at timestamp with time zone)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
begin
  return query execute format(
    'select organization_id, count(*), min(timestamp), max(timestamp) from archive.%I group by 1 order by 1', name
  );
end
$function$;

CREATE OR REPLACE FUNCTION public.count_past_rows(name text, organizations uuid[], befores timestamp with time zone[], other timestamp with time zone)
 RETURNS TABLE(organization_id uuid, row_count bigint)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
begin
  return query execute format(
    'select coalesce(t.organization_id, ''00000000-0000-0000-0000-000000000000''), count(*) from %I t
       left join unnest($1, $2) as c (organization_id, before) on c.organization_id = t.organization_id
     where t.%I < coalesce(c.before, $3) and t.%I < greatest($3, (select max(b) from unnest($2) as b))' ||
    case when name = 'ingest_keys' then ' and not exists (select from command_executions e
      where e.organization_id = t.organization_id and e.id = t.id and e.timestamp = t.timestamp and e.status = ''pending'')' else '' end ||
    ' group by 1 order by 1',
    name, retention_time_column(name), retention_time_column(name)
  ) using organizations, befores, other;
end
$function$;

CREATE OR REPLACE FUNCTION public.count_tenant_rows(schema_name text, table_name text, organization uuid)
 RETURNS bigint
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
declare
  counted bigint;
begin
  execute format('select count(*) from %I.%I where organization_id = $1', schema_name, table_name) into counted using organization;
  return counted;
end
$function$;

CREATE OR REPLACE FUNCTION public.current_organization_id()
 RETURNS uuid
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN (NULLIF(current_setting('app.organization_id'::text, true), ''::text))::uuid;

CREATE OR REPLACE FUNCTION public.database_replicas()
 RETURNS TABLE(name text, state text, sync_state text, position_bytes double precision, lag_bytes double precision, lag_seconds double precision)
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
  select r.application_name, r.state, r.sync_state, pg_wal_lsn_diff(r.replay_lsn, '0/0')::float8,
    case when not pg_is_in_recovery() then pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn)::float8 end,
    extract(epoch from r.replay_lag)::float8
  from pg_stat_replication r
$function$;

CREATE OR REPLACE FUNCTION public.database_sessions()
 RETURNS TABLE(pid integer, application_name text, backend_type text, state text, is_of_this_database boolean, is_hidden boolean, is_waiting_for_lock boolean, transaction_seconds double precision, query_seconds double precision, state_seconds double precision)
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
  select a.pid, a.application_name,
    -- Not told of hidden sessions: what is in a database is taken to be a client's.
    coalesce(a.backend_type, case when a.datname is not null then 'client backend' end), a.state, a.datname = current_database(),
    a.query is not distinct from '<insufficient privilege>',
    a.wait_event_type is not distinct from 'Lock',
    extract(epoch from clock_timestamp() - a.xact_start)::float8,
    case when a.state = 'active' then extract(epoch from clock_timestamp() - a.query_start)::float8 end,
    extract(epoch from clock_timestamp() - a.state_change)::float8
  from pg_stat_activity a
$function$;

CREATE OR REPLACE FUNCTION public.delete_archive_rows(name text, organization uuid, rows_max integer)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
declare
  gone bigint;
begin
  execute format(
    'delete from archive.%I where ctid = any (array(select ctid from archive.%I where organization_id = $1 limit $2))', name, name
  ) using organization, rows_max;
  get diagnostics gone = row_count;
  return gone;
end
$function$;

CREATE OR REPLACE FUNCTION public.delete_past_rows(name text, organization uuid, until timestamp with time zone, rows_max integer)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET lock_timeout TO '2s'
 SET "TimeZone" TO 'UTC'
AS $function$
declare
  leaf regclass;
  part bigint;
  gone bigint := 0;
begin
  if until > now() then
    raise exception 'nothing of the future is past its days' using errcode = 'invalid_parameter_value';
  end if;
  for leaf in
    -- A table without partitions has no tree.
    select l.leaf_table from (
      select relid as leaf_table from pg_partition_tree(format('public.%I', name)::regclass) where isleaf
      union
      select c.oid::regclass from pg_class c where c.oid = format('public.%I', name)::regclass and c.relkind = 'r'
    ) l
    order by l.leaf_table::text
  loop
    exit when gone >= rows_max;
    execute format(
      'delete from %s where ctid = any (array(select t.ctid from %s t where ' ||
      -- Only there rows may belong to nobody; elsewhere an index is to lead to them.
      case when name = 'rejected_requests' then 'coalesce(t.organization_id, ''00000000-0000-0000-0000-000000000000'')'
        else 't.organization_id' end || ' = $1 and t.%I < $2' ||
      case when name = 'ingest_keys' then ' and not exists (select from command_executions e
        where e.organization_id = t.organization_id and e.id = t.id and e.timestamp = t.timestamp and e.status = ''pending'')' else '' end ||
      ' limit $3))', leaf, leaf, retention_time_column(name)
    ) using organization, until, rows_max - gone;
    get diagnostics part = row_count;
    gone := gone + part;
  end loop;
  return gone;
end
$function$;

CREATE OR REPLACE FUNCTION public.detach_executions_month(first_day date)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET lock_timeout TO '200ms'
 SET "TimeZone" TO 'UTC'
AS $function$
declare
  next_month constant date := (first_day + interval '1 month')::date;
  partition constant text := 'command_executions_' || to_char(first_day, 'YYYY_MM');
  obstacle text;
begin
  if first_day <> date_trunc('month', first_day) or next_month > now() then
    raise exception 'only a month that has ended can be archived' using errcode = 'invalid_parameter_value';
  end if;
  if not exists (
    select from pg_inherits where inhparent = 'command_executions'::regclass and inhrelid = to_regclass(format('public.%I', partition))
  ) then
    return 'absent';
  end if;
  -- A counting under way would see the month gone and its roll-ups not yet final.
  if not pg_try_advisory_xact_lock(20418, 1) then
    return 'patterns_busy';
  end if;
  obstacle := executions_month_obstacle(first_day);
  if obstacle is not null then
    return obstacle;
  end if;
  lock table only command_executions in access exclusive mode;
  obstacle := executions_month_obstacle(first_day);
  if obstacle is not null then
    return obstacle;
  end if;
  execute format('alter table command_executions detach partition %I', partition);
  if to_regclass(format('archive.%I', partition)) is null then
    execute format('alter table %I set schema archive', partition);
  else
    -- Late rows of a month that was archived before.
    perform align_archive_columns(partition);
    execute format(
      'insert into archive.%I as kept (%s) select %s from %I ' || when_archived(string_to_array(execution_columns(), ', ')),
      partition, execution_columns(), execution_columns(), partition
    );
    execute format('drop table %I', partition);
  end if;
  perform freeze_pattern_days(id, next_month) from organizations;
  insert into retention_archives (month, state) values (first_day, 'detached')
  on conflict (month) where state in ('early', 'detached', 'archived')
  do update set state = 'detached', updated_at = clock_timestamp();
  return 'detached';
end
$function$;

CREATE OR REPLACE FUNCTION public.drop_archive_tables(archive_id uuid, new_state text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
declare
  found_archive retention_archives;
  name text;
  is_kept boolean;
  keepers constant uuid[] := array(
    select organization_id from retention_cutoffs(now())
    where target = 'executions' and action = 'archive' and organization_id is not null
  );
begin
  select * into strict found_archive from retention_archives where id = archive_id for update;
  if new_state = 'exported' and found_archive.manifest_sha256 is null then
    raise exception 'the archive has not been exported' using errcode = 'invalid_parameter_value';
  end if;
  for name in select archive_tables(found_archive.month)
  loop
    if new_state = 'dropped' then
      execute format('select exists (select from archive.%I where organization_id = any ($1))', name)
      into is_kept using keepers;
      if is_kept then
        raise exception 'the archive holds executions that are to be kept' using errcode = 'invalid_parameter_value';
      end if;
    end if;
    execute format('drop table archive.%I', name);
  end loop;
  update retention_archives set state = new_state, updated_at = clock_timestamp() where id = archive_id;
end
$function$;

CREATE OR REPLACE FUNCTION public.drop_event_month(parent text, first_day date, until timestamp with time zone)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET lock_timeout TO '200ms'
 SET "TimeZone" TO 'UTC'
AS $function$
declare
  partition constant text := parent || '_' || to_char(first_day, 'YYYY_MM');
  held bigint;
begin
  if parent = 'command_executions' or (first_day + interval '1 month') > least(until, now()) or not exists (
    select from pg_inherits where inhparent = to_regclass(format('public.%I', parent)) and inhrelid = to_regclass(format('public.%I', partition))
  ) then
    return null;
  end if;
  execute format('select count(*) from %I', partition) into held;
  if held > 0 and parent <> 'event_processing_logs' then
    return null;
  end if;
  execute format('lock table only %I in access exclusive mode', parent);
  execute format('select count(*) from %I', partition) into held;
  if held > 0 and parent <> 'event_processing_logs' then
    return null;
  end if;
  execute format('drop table %I', partition);
  return held;
end
$function$;

CREATE OR REPLACE FUNCTION public.early_executions_obstacle(first_day date, organization uuid, until timestamp with time zone)
 RETURNS text
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
declare
  ends constant timestamptz := least(until, first_day + interval '1 month');
  counted pattern_state;
begin
  if exists (
    select from analytics_outbox o cross join unnest(o.record_timestamps) as t(at)
    where o.kind = 'executions' and o.organization_id = organization and t.at >= first_day::timestamptz and t.at < ends
  ) then
    return 'not_delivered';
  end if;
  select * into counted from pattern_state where server = pattern_server();
  if not found or first_day = any (counted.months_to_recount)
    or exists (
      select from pattern_dirty_days d
      where (d.organization_id is null or d.organization_id = organization) and d.day >= first_day and d.day < ends
    )
    or exists (
      select from command_executions
      where organization_id = organization and timestamp >= first_day::timestamptz and timestamp < ends
        and updated_at >= counted.unseen_since and status <> 'pending'
    ) then
    return 'not_counted';
  end if;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION public.ensure_command_executions_partition(moment timestamp with time zone)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
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
  -- A month that was exported or dropped stays away, as long as nobody keeps executions that long.
  if next_month <= (select min(before) from retention_cutoffs(now()) where target = 'executions' and organization_id is not null) and exists (
    select from retention_archives where month = first_day and state in ('detached', 'archived', 'exported', 'dropped')
  ) then
    raise exception 'the executions of % have been archived', to_char(first_day, 'YYYY-MM') using errcode = 'NT001';
  end if;
  execute format('create table %I (like command_executions including defaults including constraints)', partition);
  execute format(
    'alter table command_executions attach partition %I for values from (%L) to (%L)',
    partition, first_day::timestamptz, next_month::timestamptz
  );
  return partition;
end
$function$;

CREATE OR REPLACE FUNCTION public.ensure_event_partition(parent text, moment timestamp with time zone)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
declare
  first_day constant date := date_trunc('month', moment)::date;
  next_month constant date := (first_day + interval '1 month')::date;
  partition constant text := parent || '_' || to_char(first_day, 'YYYY_MM');
  is_attached boolean;
begin
  if not exists (
    select from pg_class c
    where c.relname = parent and c.relkind = 'p' and c.relnamespace = 'public'::regnamespace
      and parent <> 'command_executions'
  ) then
    raise exception '% is no table of events', parent using errcode = 'undefined_table';
  end if;
  if moment < timestamptz '2020-01-01' or moment >= now() + interval '6 months' then
    raise exception 'no partition is made for %: events are kept from 2020 to six months ahead', moment
      using errcode = 'datetime_field_overflow';
  end if;
  if exists (
    select from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = parent::regclass and c.relname = partition
  ) then
    return null;
  end if;
  perform pg_advisory_xact_lock(hashtext('event partitions'));
  select exists (select from pg_inherits where inhrelid = c.oid and inhparent = parent::regclass)
  into is_attached
  from pg_class c
  where c.relname = partition and c.relnamespace = 'public'::regnamespace;
  if is_attached then
    return null;
  end if;
  if found then
    raise exception 'the % of % have been archived', parent, to_char(first_day, 'YYYY-MM') using errcode = 'NT001';
  end if;
  execute format(
    'create table %I (like %I including defaults including constraints including storage including compression)',
    partition, parent
  );
  execute format(
    'alter table %I attach partition %I for values from (%L) to (%L)',
    parent, partition, first_day::timestamptz, next_month::timestamptz
  );
  return partition;
end
$function$;

CREATE OR REPLACE FUNCTION public.erase_organization_row(organization uuid)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
declare
  gone bigint;
begin
  delete from organizations where id = organization;
  get diagnostics gone = row_count;
  return gone;
end
$function$;

CREATE OR REPLACE FUNCTION public.erase_sealed_rows(organization uuid)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
declare
  sealed bigint;
begin
  for sealed in
    select o.batch from analytics_outbox o where o.batch is not null group by o.batch having bool_and(o.organization_id = organization)
  loop
    if pg_try_advisory_xact_lock(20417, (sealed % 2147483647)::integer) then
      delete from analytics_outbox where batch = sealed;
    end if;
  end loop;
  return (select count(*) from analytics_outbox where organization_id = organization);
end
$function$;

CREATE OR REPLACE FUNCTION public.erase_tenant_rows(schema_name text, table_name text, organization uuid, rows_max integer)
 RETURNS bigint
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET lock_timeout TO '5s'
AS $function$
declare
  gone bigint;
begin
  if exists (select from api_keys where organization_id = organization and is_active) then
    raise exception 'the organization has keys that hold' using errcode = 'object_in_use';
  end if;
  execute format(
    'delete from %I.%I where ctid = any (array(select ctid from %I.%I where organization_id = $1 %s limit $2))',
    schema_name, table_name, schema_name, table_name, case when table_name = 'analytics_outbox' then 'and batch is null' else '' end
  ) using organization, rows_max;
  get diagnostics gone = row_count;
  return gone;
end
$function$;

CREATE OR REPLACE FUNCTION public.event_condition_holds(payload jsonb, condition jsonb)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
AS $function$
declare
  child jsonb;
  found jsonb;
  operator text;
  operand jsonb;
  operators integer := 0;
  step text;
begin
  if jsonb_typeof(condition) is distinct from 'object' then
    return false;
  end if;
  if condition ? 'all' then
    if jsonb_typeof(condition -> 'all') <> 'array' or condition -> 'all' = '[]'
      or (select count(*) from jsonb_object_keys(condition)) <> 1 then
      return false;
    end if;
    for child in select value from jsonb_array_elements(condition -> 'all')
    loop
      if not event_condition_holds(payload, child) then return false; end if;
    end loop;
    return true;
  end if;
  if condition ? 'any' then
    if jsonb_typeof(condition -> 'any') <> 'array' or (select count(*) from jsonb_object_keys(condition)) <> 1 then
      return false;
    end if;
    for child in select value from jsonb_array_elements(condition -> 'any')
    loop
      if event_condition_holds(payload, child) then return true; end if;
    end loop;
    return false;
  end if;
  if condition ? 'not' then
    return (select count(*) from jsonb_object_keys(condition)) = 1
      and event_condition_is_valid(condition -> 'not')
      and not event_condition_holds(payload, condition -> 'not');
  end if;
  if jsonb_typeof(condition -> 'path') is distinct from 'string' or condition ->> 'path' !~ '^(/([^~/]|~[01])*)*$' then
    return false;
  end if;
  found := payload;
  -- Behind the empty step before the first slash. An index is written as RFC 6901 has it, so that -1 is none.
  foreach step in array (string_to_array(condition ->> 'path', '/'))[2:]
  loop
    step := replace(replace(step, '~1', '/'), '~0', '~');
    found := case
      when jsonb_typeof(found) = 'object' then found -> step
      when jsonb_typeof(found) = 'array' and step ~ '^(0|[1-9][0-9]{0,8})$' then found -> step::integer
    end;
  end loop;
  for operator, operand in select key, value from jsonb_each(condition)
  loop
    continue when operator = 'path';
    operators := operators + 1;
    case operator
      when 'eq' then
        if found is distinct from operand then return false; end if;
      when 'in' then
        if found is null or jsonb_typeof(operand) <> 'array'
          or not exists (select from jsonb_array_elements(operand) as o(value) where o.value = found) then
          return false;
        end if;
      when 'exists' then
        if to_jsonb(found is not null) is distinct from operand then return false; end if;
      when 'prefix' then
        if jsonb_typeof(operand) <> 'string' or jsonb_typeof(found) is distinct from 'string'
          or not starts_with(found #>> '{}', operand #>> '{}') then
          return false;
        end if;
      when 'gt', 'gte', 'lt', 'lte' then
        if jsonb_typeof(operand) <> 'number' or jsonb_typeof(found) is distinct from 'number' then return false; end if;
        if not (case operator
          when 'gt' then found::numeric > operand::numeric
          when 'gte' then found::numeric >= operand::numeric
          when 'lt' then found::numeric < operand::numeric
          else found::numeric <= operand::numeric
        end) then
          return false;
        end if;
      else
        return false;
    end case;
  end loop;
  return operators > 0;
end
$function$;

CREATE OR REPLACE FUNCTION public.event_condition_is_valid(condition jsonb)
 RETURNS boolean
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE
AS $function$
declare
  key text;
  operand jsonb;
  operators integer := 0;
begin
  if jsonb_typeof(condition) is distinct from 'object' then
    return false;
  end if;
  if condition ? 'all' or condition ? 'any' then
    operand := coalesce(condition -> 'all', condition -> 'any');
    return (select count(*) from jsonb_object_keys(condition)) = 1
      and case when jsonb_typeof(operand) = 'array'
        then (select coalesce(bool_and(event_condition_is_valid(value)), false) from jsonb_array_elements(operand))
        else false
      end;
  end if;
  if condition ? 'not' then
    return (select count(*) from jsonb_object_keys(condition)) = 1 and event_condition_is_valid(condition -> 'not');
  end if;
  if jsonb_typeof(condition -> 'path') is distinct from 'string' or condition ->> 'path' !~ '^(/([^~/]|~[01])*)*$' then
    return false;
  end if;
  for key, operand in select e.key, e.value from jsonb_each(condition) as e
  loop
    continue when key = 'path';
    operators := operators + 1;
    case key
      when 'eq' then null;
      when 'in' then
        if jsonb_typeof(operand) <> 'array' then return false; end if;
      when 'exists' then
        if jsonb_typeof(operand) <> 'boolean' then return false; end if;
      when 'prefix' then
        if jsonb_typeof(operand) <> 'string' then return false; end if;
      when 'gt', 'gte', 'lt', 'lte' then
        if jsonb_typeof(operand) <> 'number' then return false; end if;
      else
        return false;
    end case;
  end loop;
  return operators > 0;
end
$function$;

CREATE OR REPLACE FUNCTION public.event_matches(e events, s event_subscriptions)
 RETURNS boolean
 LANGUAGE sql
 STABLE
RETURN (((s).organization_id = (e).organization_id) AND (EXISTS (SELECT FROM unnest((event_matches.s).event_types) wanted(pattern) WHERE (event_name_matches(((event_matches.e).event_type)::text, wanted.pattern) OR event_name_matches(((((event_matches.e).event_type)::text || '.'::text) || (COALESCE((event_matches.e).action, ''::character varying))::text), wanted.pattern)))) AND (((s).source_id IS NULL) OR ((s).source_id = (e).source_id)) AND (((s).repositories IS NULL) OR (EXISTS (SELECT FROM unnest((event_matches.s).repositories) wanted(pattern) WHERE event_name_matches(lower(((event_matches.e).repository)::text), lower(wanted.pattern))))) AND (((s).project_id IS NULL) OR (EXISTS (SELECT FROM ((project_repositories p JOIN repositories r ON (((r.organization_id = p.organization_id) AND (r.id = p.repository_id)))) LEFT JOIN github_events g ON (((g.organization_id = (event_matches.e).organization_id) AND (g.event_id = (event_matches.e).id) AND (g.received_at = (event_matches.e).received_at)))) WHERE ((p.organization_id = (event_matches.s).organization_id) AND (p.project_id = (event_matches.s).project_id) AND CASE WHEN (g.repository_external_id IS NULL) THEN ((r.full_name)::text = ((event_matches.e).repository)::text) ELSE (((r.provider)::text = 'github'::text) AND ((r.external_id)::text = (g.repository_external_id)::text)) END)))) AND (((s).conditions IS NULL) OR event_condition_holds((e).payload, (s).conditions)));

CREATE OR REPLACE FUNCTION public.event_name_matches(name text, pattern text)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN (name ~~ replace(replace(replace(replace(pattern, '\'::text, '\\'::text), '%'::text, '\%'::text), '_'::text, '\_'::text), '*'::text, '%'::text));

CREATE OR REPLACE FUNCTION public.execution_columns()
 RETURNS text
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
  select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
  where attrelid = 'command_executions'::regclass and attnum > 0 and not attisdropped
$function$;

CREATE OR REPLACE FUNCTION public.executions_month_obstacle(first_day date)
 RETURNS text
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET "TimeZone" TO 'UTC'
 SET enable_seqscan TO 'off'
AS $function$
declare
  next_month constant date := (first_day + interval '1 month')::date;
  counted pattern_state;
  is_uncounted boolean;
begin
  if exists (
    select from analytics_outbox o cross join unnest(o.record_timestamps) as t(at)
    where o.kind = 'executions' and t.at >= first_day::timestamptz and t.at < next_month::timestamptz
  ) then
    return 'not_delivered';
  end if;
  select * into counted from pattern_state where server = pattern_server();
  if not found or first_day = any (counted.months_to_recount)
    or exists (select from pattern_dirty_days where day >= first_day and day < next_month) then
    return 'not_counted';
  end if;
  select exists (
    select from command_executions
    where timestamp >= first_day::timestamptz and timestamp < next_month::timestamptz
      and updated_at >= counted.unseen_since and status <> 'pending'
  ) into is_uncounted;
  return case when is_uncounted then 'not_counted' end;
end
$function$;

CREATE OR REPLACE FUNCTION public.expiring_secrets()
 RETURNS TABLE(keys_within_week bigint, keys_within_day bigint, keys_just_ended bigint, first_end timestamp with time zone, sources_without_secret bigint)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
  select
    count(*) filter (where k.expires_at between now() and now() + interval '7 days'),
    count(*) filter (where k.expires_at between now() and now() + interval '1 day'),
    count(*) filter (where k.expires_at between now() - interval '1 day' and now()),
    min(k.expires_at) filter (where k.expires_at > now()),
    (
      select count(*) from event_sources s
      where s.status = 'active'
        and exists (select from event_source_secrets e where e.source_id = s.id)
        and not exists (
          select from event_source_secrets e
          where e.source_id = s.id and (e.not_after is null or e.not_after > now())
        )
    )
  from api_keys k
  where k.is_active and k.last_used_at > now() - interval '30 days'
$function$;

CREATE OR REPLACE FUNCTION public.find_api_key(hash bytea)
 RETURNS TABLE(id uuid, organization_id uuid, user_id uuid, scopes text[], is_active boolean, expires_at timestamp with time zone)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
BEGIN ATOMIC
 SELECT k.id,
     k.organization_id,
     k.user_id,
     k.scopes,
     (k.is_active AND u.is_active),
     k.expires_at
    FROM (api_keys k
      JOIN users u ON ((u.id = k.user_id)))
   WHERE (k.key_hash = find_api_key.hash);
END;

CREATE OR REPLACE FUNCTION public.find_event_source(wanted_endpoint text)
 RETURNS TABLE(id uuid, organization_id uuid, kind text, status text, config jsonb, secrets jsonb)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
BEGIN ATOMIC
 SELECT s.id,
     s.organization_id,
     s.kind,
     s.status,
     s.config,
     COALESCE(( SELECT jsonb_agg(jsonb_build_object('id', e.id, 'reference', e.reference, 'not_after', (EXTRACT(epoch FROM e.not_after) * (1000)::numeric)) ORDER BY e.created_at DESC, e.id) AS jsonb_agg
            FROM event_source_secrets e
           WHERE ((e.organization_id = s.organization_id) AND (e.source_id = s.id))), '[]'::jsonb) AS "coalesce"
    FROM event_sources s
   WHERE ((s.endpoint_id)::text = find_event_source.wanted_endpoint);
END;

CREATE OR REPLACE FUNCTION public.freeze_pattern_days(organization uuid, until date)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
  insert into pattern_frozen_days as f (organization_id, before) values (organization, until)
  on conflict (organization_id) do update set before = excluded.before where f.before < excluded.before
$function$;

CREATE OR REPLACE FUNCTION public.list_archive_columns(name text)
 RETURNS TABLE(column_name text, data_type text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
  select a.attname::text, format_type(a.atttypid, null)
  from pg_attribute a
  where a.attrelid = to_regclass(format('archive.%I', name)) and a.attnum > 0 and not a.attisdropped
  order by a.attnum
$function$;

CREATE OR REPLACE FUNCTION public.list_tenant_tables()
 RETURNS TABLE(schema_name text, table_name text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
  select n.nspname::text, c.relname::text
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
  where n.nspname in ('public', 'archive') and c.relkind = 'r' and a.attname = 'organization_id' and not a.attisdropped
  order by 1, 2
$function$;

CREATE OR REPLACE FUNCTION public.mark_changed_execution()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
begin
  insert into pattern_dirty_days (organization_id, day)
  values (old.organization_id, (old.timestamp at time zone 'UTC')::date),
    (new.organization_id, (new.timestamp at time zone 'UTC')::date);
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION public.mark_deleted_executions()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
begin
  insert into pattern_dirty_days (organization_id, day)
  select distinct organization_id, (timestamp at time zone 'UTC')::date from deleted where status <> 'pending';
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION public.mark_pattern_days_dirty(organization uuid, first_day date, last_day date)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
begin
  if last_day - first_day > 4000 then
    raise exception 'at most 4000 days are marked at once' using errcode = 'invalid_parameter_value';
  end if;
  insert into pattern_dirty_days (organization_id, day)
  select organization, first_day + n from generate_series(0, last_day - first_day) as n;
end
$function$;

CREATE OR REPLACE FUNCTION public.months_ahead()
 RETURNS TABLE(parent text, months integer)
 LANGUAGE sql
 STABLE
 SET search_path TO 'public', 'pg_temp'
 SET "TimeZone" TO 'UTC'
AS $function$
  select p.relname::text,
    coalesce((
      select min(n)
      from generate_series(0, 12) as n
      where not exists (
        select from pg_inherits i join pg_class c on c.oid = i.inhrelid
        where i.inhparent = p.oid
          and c.relname = p.relname || '_'
            || to_char(date_trunc('month', now()) + make_interval(months => n), 'YYYY_MM')
      )
    ), 13)
  from pg_class p
  where p.relkind = 'p' and p.relnamespace = 'public'::regnamespace and not p.relispartition
$function$;

CREATE OR REPLACE FUNCTION public.note_retention(organization uuid, what text, about text, details jsonb)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
  insert into audit_logs (organization_id, action, resource_type, resource_id, metadata)
  values (coalesce(organization, '00000000-0000-0000-0000-000000000000'), what, 'retention', about, details)
$function$;

CREATE OR REPLACE FUNCTION public.oldest_transaction_start()
 RETURNS timestamp with time zone
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
  select case
    when bool_or(query = '<insufficient privilege>') then null
    else least(clock_timestamp(), min(xact_start))
  end
  from pg_stat_activity
  where datname = current_database() and backend_type not in ('autovacuum worker', 'walsender')
$function$;

CREATE OR REPLACE FUNCTION public.pattern_server()
 RETURNS text
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
  select (select system_identifier::text from pg_control_system()) || '/' ||
    (select oid::text from pg_database where datname = current_database()) || '/' || 'command_executions'::regclass::oid::text
$function$;

CREATE OR REPLACE FUNCTION public.prediction_evidence(organization uuid, learner_version smallint, hashes bytea[])
 RETURNS TABLE(key_hash bytea, executions bigint, failed bigint, summaries bytea, models jsonb, last_ended_at timestamp with time zone)
 LANGUAGE plpgsql
 SET search_path TO 'public', 'pg_temp'
AS $function$
begin
  perform set_config('app.organization_id', organization::text, true);
  return query
    select null::bytea, m.executions, null::bigint, null::bytea, m.models, m.last_ended_at
    from prediction_models m
    where m.organization_id = organization and m.version = learner_version;
  if found then
    return query
      select l.key_hash, l.executions, l.failed, l.summaries, null::jsonb, null::timestamptz
      from prediction_levels l
      where l.organization_id = organization and l.key_hash = any (hashes);
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION public.process_pending_deliveries(deliveries_max integer)
 RETURNS TABLE(organization_id uuid, id uuid, event_received_at timestamp with time zone)
 LANGUAGE sql
BEGIN ATOMIC
 WITH due AS (
          SELECT d_1.organization_id,
             d_1.id,
             d_1.event_received_at
            FROM event_deliveries d_1
           WHERE (d_1.next_attempt_at <= now())
           ORDER BY d_1.next_attempt_at
          LIMIT process_pending_deliveries.deliveries_max
          FOR UPDATE OF d_1 SKIP LOCKED
         )
  UPDATE event_deliveries d SET status = 'pending'::character varying, next_attempt_at = (now() + '00:05:00'::interval)
    FROM due
   WHERE ((d.organization_id = due.organization_id) AND (d.id = due.id) AND (d.event_received_at = due.event_received_at))
   RETURNING d.organization_id,
     d.id,
     d.event_received_at;
END;

CREATE OR REPLACE FUNCTION public.process_pending_events(events_max integer)
 RETURNS TABLE(organization_id uuid, id uuid, received_at timestamp with time zone)
 LANGUAGE sql
BEGIN ATOMIC
 WITH due AS (
          SELECT e_1.organization_id,
             e_1.id,
             e_1.received_at
            FROM events e_1
           WHERE (e_1.next_attempt_at <= now())
           ORDER BY e_1.next_attempt_at
          LIMIT process_pending_events.events_max
          FOR UPDATE OF e_1 SKIP LOCKED
         )
  UPDATE events e SET status = 'pending'::character varying, next_attempt_at = (now() + '00:05:00'::interval)
    FROM due
   WHERE ((e.organization_id = due.organization_id) AND (e.id = due.id) AND (e.received_at = due.received_at))
   RETURNING e.organization_id,
     e.id,
     e.received_at;
END;

CREATE OR REPLACE FUNCTION public.publish_alert_event(alert alerts, action text)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
declare
  -- Events are found by their time, which is told in whole milliseconds.
  arrived constant timestamptz := date_trunc('milliseconds', clock_timestamp());
  body constant bytea := convert_to((
    jsonb_build_object('action', publish_alert_event.action, 'alert', to_jsonb(alert) - 'rule_id')
  )::text, 'UTF8');
  stored integer;
begin
  perform ensure_event_partition('events', arrived);
  with new_key as (
    insert into event_keys (source_id, delivery_key, organization_id, event_id, received_at)
    select r.organization_id, 'alert:' || alert.id || ':' || publish_alert_event.action, r.organization_id,
      gen_random_uuid(), arrived
    from alert_recipients r
    on conflict do nothing
    returning organization_id, event_id, delivery_key
  )
  insert into events (
    organization_id, id, received_at, source_id, source, event_type, action, delivery_key, body, body_sha256, is_text,
    content_type, headers, provider_time, status, next_attempt_at
  )
  -- There is no row of event_sources behind it: nobody can send one. The organization's own id stands for its source.
  select k.organization_id, k.event_id, arrived, k.organization_id, 'netra', 'netra.alert', publish_alert_event.action,
    k.delivery_key, body, sha256(body), true, 'application/json', '{}', arrived, 'pending', arrived
  from new_key k;
  get diagnostics stored = row_count;
  return stored;
end
$function$;

CREATE OR REPLACE FUNCTION public.read_archive_rows(name text, organization uuid, after_id uuid, after_time timestamp with time zone, rows_max integer)
 RETURNS SETOF text
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET "TimeZone" TO 'UTC'
 SET "DateStyle" TO 'ISO'
AS $function$
declare
  list text;
begin
  select string_agg(format('%I::text', column_name), ', ') into list from list_archive_columns(name);
  return query execute format(
    'select json_build_array(%s)::text from archive.%I
     where organization_id = $1 and (id, timestamp) > ($2, $3) order by id, timestamp limit $4', list, name
  ) using organization, after_id, after_time, rows_max;
end
$function$;

CREATE OR REPLACE FUNCTION public.record_job_run(job text, duration_ms bigint, outcome text, counts jsonb, error_class text, keeps boolean)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
#variable_conflict use_column
declare
  ended constant timestamptz := clock_timestamp();
  started constant timestamptz := ended - record_job_run.duration_ms * interval '1 millisecond';
begin
  insert into job_states as s (
    job, last_started_at, last_ended_at, last_outcome, last_duration_ms, last_counts, last_error_class,
    last_succeeded_at, consecutive_failures, runs, failures
  )
  values (
    record_job_run.job, started, ended, record_job_run.outcome, record_job_run.duration_ms, record_job_run.counts,
    left(record_job_run.error_class, 100), case when record_job_run.outcome = 'succeeded' then ended end,
    (record_job_run.outcome = 'failed')::integer, 1, (record_job_run.outcome = 'failed')::integer
  )
  on conflict (job) do update set
    last_started_at = excluded.last_started_at,
    last_ended_at = excluded.last_ended_at,
    last_outcome = excluded.last_outcome,
    last_duration_ms = excluded.last_duration_ms,
    last_counts = excluded.last_counts,
    last_error_class = excluded.last_error_class,
    last_succeeded_at = coalesce(excluded.last_succeeded_at, s.last_succeeded_at),
    consecutive_failures = case when excluded.last_outcome = 'failed' then s.consecutive_failures + 1 else 0 end,
    runs = s.runs + 1,
    failures = s.failures + excluded.failures;
  if record_job_run.keeps or record_job_run.outcome <> 'succeeded' then
    insert into job_runs (job, started_at, ended_at, outcome, duration_ms, counts, error_class)
    values (
      record_job_run.job, started, ended, record_job_run.outcome, record_job_run.duration_ms, record_job_run.counts,
      left(record_job_run.error_class, 100)
    );
    delete from job_runs r
    where r.job = record_job_run.job and r.id < (
      select k.id from job_runs k where k.job = record_job_run.job order by k.id desc offset 199 limit 1
    );
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION public.refresh_daily_command_stats()
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.remove_executions_early(first_day date, organization uuid, until timestamp with time zone, keep boolean, rows_max integer)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET lock_timeout TO '2s'
 SET "TimeZone" TO 'UTC'
AS $function$
declare
  partition constant text := 'command_executions_' || to_char(first_day, 'YYYY_MM');
  target constant text := partition || '_early';
  since timestamptz;
  removed integer;
begin
  if to_regclass(format('public.%I', partition)) is null or until > now() then
    return 0;
  end if;
  if not pg_try_advisory_xact_lock(20418, 1) then
    return -1;
  end if;
  if early_executions_obstacle(first_day, organization, until) is not null then
    return 0;
  end if;
  select unseen_since into strict since from pattern_state;
  if keep then
    if to_regclass(format('archive.%I', target)) is null then
      execute format('create table archive.%I (like command_executions including defaults including constraints)', target);
      execute format('alter table archive.%I add primary key (organization_id, id, timestamp)', target);
    end if;
    perform align_archive_columns(target);
    insert into retention_archives (month, state) values (first_day, 'early')
    on conflict (month) where state in ('early', 'detached', 'archived') do nothing;
  end if;
  perform freeze_pattern_days(organization, until::date);
  execute format(
    'with gone as (delete from %I where ctid = any (array(
       select ctid from %I where organization_id = $1 and timestamp < $2 and (updated_at < $3 or status = ''pending'') limit $4 for update skip locked
     )) returning *)' ||
    case when keep then ', moved as (insert into archive.%I as kept (%s) select %s from gone ' ||
      when_archived(string_to_array(execution_columns(), ', ')) || ')' else '' end ||
    ' select count(*) from gone', partition, partition, target, execution_columns(), execution_columns()
  ) into removed using organization, until, since, rows_max;
  return removed;
end
$function$;

CREATE OR REPLACE FUNCTION public.repository_key(told text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN NULLIF(lower(regexp_replace(regexp_replace(regexp_replace(btrim(told, ' 	
'::text), '^(?:[a-z][a-z0-9+.-]*://[^/]*/+|(?:[^@/\s:]+@)?[^@/\s:]+:(?!//)/*|(?:[^@/\s]+@)?[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]+)?/(?=[^/]+/))'::text, ''::text, 'i'::text), '^([^/]+/[^/].*?)/(?:-/)?(?:tree|blob|commits?|pulls?|issues|merge_requests|actions|releases)(?:/.*)?$'::text, '\1'::text, 'i'::text), '(?:\.git)?/*$'::text, ''::text, 'i'::text)), ''::text);

CREATE OR REPLACE FUNCTION public.retention_cutoffs(at timestamp with time zone)
 RETURNS TABLE(organization_id uuid, target text, keep_days integer, action text, before timestamp with time zone)
 LANGUAGE sql
 STABLE
 SET "TimeZone" TO 'UTC'
BEGIN ATOMIC
 WITH effective AS (
          SELECT o.id,
             d.target,
             COALESCE(p.keep_days, d.keep_days) AS days,
             COALESCE(p.action, d.action) AS action
            FROM ((( SELECT organizations.id
                    FROM organizations
                 UNION ALL
                  SELECT NULL::uuid AS uuid) o
              CROSS JOIN ( SELECT retention_policies.organization_id,
                     retention_policies.target,
                     retention_policies.keep_days,
                     retention_policies.action,
                     retention_policies.updated_at
                    FROM retention_policies
                   WHERE (retention_policies.organization_id IS NULL)) d)
              LEFT JOIN retention_policies p ON (((p.organization_id = o.id) AND ((p.target)::text = (d.target)::text))))
         ), longest AS (
          SELECT effective.target,
             max(effective.days) AS days
            FROM effective
           WHERE ((effective.id IS NOT NULL) OR (NOT (EXISTS ( SELECT
                    FROM organizations))))
           GROUP BY effective.target
         ), cut AS (
          SELECT e.id,
             e.target,
             e.days,
             e.action,
                 CASE
                     WHEN ((e.days >= l.days) AND ((e.target)::text = ANY ((ARRAY['executions'::character varying, 'event_processing_logs'::character varying, 'workload_events'::character varying, 'aggregated_metrics'::character varying, 'user_activity'::character varying])::text[]))) THEN date_trunc('month'::text, (retention_cutoffs.at - make_interval(days => e.days)))
                     ELSE date_trunc('day'::text, (retention_cutoffs.at - make_interval(days => e.days)))
                 END AS before
            FROM (effective e
              JOIN longest l ON (((l.target)::text = (e.target)::text)))
         )
  SELECT c.id,
     (c.target)::text AS target,
     c.days,
     (c.action)::text AS action,
         CASE
             WHEN ((c.target)::text = 'aggregated_metrics'::text) THEN LEAST(c.before, x.before)
             ELSE c.before
         END AS before
    FROM (cut c
      LEFT JOIN cut x ON (((NOT (x.id IS DISTINCT FROM c.id)) AND ((x.target)::text = 'executions'::text))));
END;

CREATE OR REPLACE FUNCTION public.retention_time_column(name text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
RETURN CASE name WHEN 'audit_logs'::text THEN 'created_at'::text WHEN 'event_processing_logs'::text THEN 'started_at'::text WHEN 'event_keys'::text THEN 'received_at'::text WHEN 'event_content_keys'::text THEN 'received_at'::text WHEN 'ingest_keys'::text THEN 'seen_at'::text WHEN 'rejected_requests'::text THEN 'rejected_at'::text WHEN 'pattern_daily_rollups'::text THEN 'day'::text WHEN 'daily_command_stats'::text THEN 'day'::text WHEN 'retention_counts'::text THEN 'created_at'::text ELSE NULL::text END;

CREATE OR REPLACE FUNCTION public.statement_statistics()
 RETURNS TABLE(queryid bigint, query text, calls bigint, mean_ms double precision, max_ms double precision, total_ms double precision, rows bigint, blocks_hit bigint, blocks_read bigint)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
declare
  place text := (
    select quote_ident(n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace
    where e.extname = 'pg_stat_statements'
  );
begin
  if place is null then
    return;
  end if;
  return query execute format(
    'select s.queryid, left(s.query, 500), s.calls, s.mean_exec_time, s.max_exec_time, s.total_exec_time, s.rows,
       s.shared_blks_hit, s.shared_blks_read
     from %s.pg_stat_statements s
     where s.dbid = (select d.oid from pg_database d where d.datname = current_database())', place
  );
-- Installed in the database is not loaded into the server, and not every owner may read the setting that says so.
exception when object_not_in_prerequisite_state then
  return;
end
$function$;

CREATE OR REPLACE FUNCTION public.summarize_ingest_keys()
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET lock_timeout TO '200ms'
AS $function$
begin
  return brin_summarize_new_values('idx_ingest_keys_seen_at');
exception when lock_not_available then
  return 0;
end
$function$;

CREATE OR REPLACE FUNCTION public.summarize_updated_executions()
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
 SET lock_timeout TO '200ms'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION public.update_updated_at_column()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  new.updated_at = current_timestamp;
  return new;
end
$function$;

CREATE OR REPLACE FUNCTION public.when_archived(columns text[])
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'public', 'pg_temp'
AS $function$
  select 'on conflict (organization_id, id, timestamp) do update set ' ||
    string_agg(format('%s = excluded.%s', name, name), ', ') || ' where kept.status = ''pending'''
  from unnest(columns) as name
$function$;

create table alert_conditions (
  rule_id integer not null,
  subject character varying(60) not null,
  since timestamp with time zone not null,
  constraint alert_conditions_pkey PRIMARY KEY (rule_id, subject),
  constraint alert_conditions_rule_id_fkey FOREIGN KEY (rule_id) REFERENCES alert_rules(id) ON DELETE CASCADE
);

create table alert_recipients (
  organization_id uuid not null,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint alert_recipients_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint alert_recipients_pkey PRIMARY KEY (organization_id)
);

create table alert_rules (
  id integer not null generated always as identity,
  name character varying(100) not null,
  metric character varying(60) not null,
  comparison character varying(10) not null,
  threshold double precision,
  status character varying(10),
  for_seconds integer not null,
  severity character varying(10) not null,
  description character varying(500) not null,
  is_enabled boolean not null default true,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  updated_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint alert_rules_check CHECK (((((comparison)::text = 'status'::text) = (status IS NOT NULL)) AND (((comparison)::text = 'status'::text) = (threshold IS NULL)))),
  constraint alert_rules_check1 CHECK ((((metric)::text <> '*'::text) OR ((comparison)::text = 'status'::text))),
  constraint alert_rules_comparison_check CHECK (((comparison)::text = ANY ((ARRAY['>'::character varying, '>='::character varying, '<'::character varying, '<='::character varying, 'status'::character varying])::text[]))),
  constraint alert_rules_for_seconds_check CHECK (((for_seconds >= 0) AND (for_seconds <= 604800))),
  constraint alert_rules_metric_check CHECK ((((metric)::text = '*'::text) OR ((metric)::text ~ '^[a-z][a-z0-9_]*$'::text))),
  constraint alert_rules_name_check CHECK (((name)::text <> ''::text)),
  constraint alert_rules_name_key UNIQUE (name),
  constraint alert_rules_pkey PRIMARY KEY (id),
  constraint alert_rules_severity_check CHECK (((severity)::text = ANY ((ARRAY['warning'::character varying, 'critical'::character varying])::text[]))),
  constraint alert_rules_status_check CHECK (((status)::text = ANY ((ARRAY['warning'::character varying, 'critical'::character varying, 'unknown'::character varying])::text[])))
);

create table alerts (
  id uuid not null default gen_random_uuid(),
  rule_id integer,
  rule character varying(100) not null,
  subject character varying(60) not null,
  severity character varying(10) not null,
  status character varying(10) not null,
  value double precision,
  threshold double precision,
  unit character varying(20),
  message character varying(1000) not null,
  next_step character varying(1000),
  opened_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  closed_at timestamp with time zone,
  constraint alerts_check CHECK ((closed_at >= opened_at)),
  constraint alerts_pkey PRIMARY KEY (id),
  constraint alerts_rule_id_fkey FOREIGN KEY (rule_id) REFERENCES alert_rules(id) ON DELETE SET NULL,
  constraint alerts_severity_check CHECK (((severity)::text = ANY ((ARRAY['warning'::character varying, 'critical'::character varying])::text[])))
);

create table analytics_outbox (
  seq bigint not null generated always as identity,
  organization_id uuid not null,
  record_ids uuid[] not null,
  record_timestamps timestamp with time zone[] not null,
  bytes bigint not null,
  batch bigint,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  kind character varying(20) not null default 'executions'::character varying,
  constraint analytics_outbox_check CHECK (((cardinality(record_ids) = cardinality(record_timestamps)) AND (cardinality(record_ids) > 0))),
  constraint analytics_outbox_kind_check CHECK (((kind)::text = ANY ((ARRAY['executions'::character varying, 'events'::character varying])::text[]))),
  constraint analytics_outbox_pkey PRIMARY KEY (seq)
) with (autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=5000);

create table api_keys (
  id uuid not null default gen_random_uuid(),
  organization_id uuid not null,
  user_id uuid not null,
  name character varying(255) not null,
  key_hash bytea not null,
  key_prefix character varying(20) not null,
  scopes text[] not null,
  is_active boolean not null default true,
  last_used_at timestamp with time zone,
  expires_at timestamp with time zone,
  revoked_at timestamp with time zone,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  metadata jsonb not null default '{}'::jsonb,
  constraint api_keys_key_hash_check CHECK ((octet_length(key_hash) = 32)),
  constraint api_keys_key_hash_key UNIQUE (key_hash),
  constraint api_keys_name_check CHECK (((name)::text <> ''::text)),
  constraint api_keys_organization_id_user_id_fkey FOREIGN KEY (organization_id, user_id) REFERENCES users(organization_id, id) ON DELETE CASCADE,
  constraint api_keys_pkey PRIMARY KEY (id),
  constraint api_keys_scopes_check CHECK (((scopes <@ ARRAY['ingest'::text, 'read'::text, 'admin'::text]) AND (cardinality(scopes) > 0)))
);

create table audit_logs (
  id bigint not null generated always as identity,
  organization_id uuid not null,
  user_id uuid,
  action character varying(100) not null,
  resource_type character varying(100),
  resource_id character varying(255),
  ip_address inet,
  user_agent text,
  request_id character varying(255),
  response_status integer,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  metadata jsonb not null default '{}'::jsonb,
  constraint audit_logs_pkey PRIMARY KEY (id),
  constraint audit_logs_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE SET NULL
);

create table command_executions (
  organization_id uuid not null,
  id uuid not null,
  "timestamp" timestamp with time zone not null,
  user_id uuid,
  batch_id uuid,
  execution_sequence integer,
  source character varying(20) not null,
  session_id character varying(200),
  command_raw text not null,
  command_base character varying(100) not null,
  command_args jsonb not null,
  command_features jsonb not null,
  workspace_context jsonb,
  session_context jsonb,
  total_tokens bigint,
  input_tokens bigint,
  output_tokens bigint,
  cached_tokens bigint,
  cache_write_5m_tokens bigint,
  cache_write_1h_tokens bigint,
  fresh_tokens bigint,
  cache_hit_rate double precision,
  execution_time_ms bigint,
  tool_calls integer,
  status character varying(20) not null,
  error_message text,
  cost_usd numeric(20,12),
  fresh_cost_usd numeric(20,12),
  cache_savings_usd numeric(20,12),
  reported_cost_usd numeric(20,12),
  cost_basis character varying(20),
  price_version character varying(40),
  output_characteristics jsonb,
  model_version character varying(100),
  ingested_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  updated_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint cache_rate_range CHECK (((cache_hit_rate >= (0)::double precision) AND (cache_hit_rate <= (100)::double precision))),
  constraint command_executions_pkey PRIMARY KEY (organization_id, id, "timestamp"),
  constraint cost_basis_check CHECK ((((cost_basis)::text = ANY ((ARRAY['reported'::character varying, 'computed'::character varying, 'unpriced'::character varying])::text[])) AND ((cost_usd IS NULL) = ((cost_basis)::text = 'unpriced'::text)))),
  constraint fresh_is_total_less_cached CHECK ((fresh_tokens = (total_tokens - cached_tokens))),
  constraint positive_tokens CHECK (((input_tokens >= 0) AND (output_tokens >= 0) AND (cached_tokens >= 0) AND (cache_write_5m_tokens >= 0) AND (cache_write_1h_tokens >= 0))),
  constraint source_check CHECK (((source)::text = ANY ((ARRAY['client'::character varying, 'import'::character varying, 'otlp'::character varying])::text[]))),
  constraint status_check CHECK (((status)::text = ANY ((ARRAY['pending'::character varying, 'completed'::character varying, 'failed'::character varying, 'timeout'::character varying])::text[]))),
  constraint total_is_sum_of_kinds CHECK ((total_tokens = ((((input_tokens + output_tokens) + cached_tokens) + cache_write_5m_tokens) + cache_write_1h_tokens)))
) partition by RANGE ("timestamp");

create table command_patterns (
  id bigint not null generated always as identity,
  organization_id uuid not null,
  pattern_signature character varying(500) not null,
  command_base character varying(100) not null,
  statistics_30d jsonb not null default '{}'::jsonb,
  token_drivers jsonb not null default '{}'::jsonb,
  cache_patterns jsonb not null default '{}'::jsonb,
  optimization_insights jsonb not null default '{}'::jsonb,
  failure_patterns jsonb not null default '{}'::jsonb,
  last_updated timestamp with time zone not null default CURRENT_TIMESTAMP,
  sample_size integer not null default 0,
  window_30d jsonb not null default '{}'::jsonb,
  constraint command_patterns_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint command_patterns_organization_id_pattern_signature_key UNIQUE (organization_id, pattern_signature),
  constraint command_patterns_pkey PRIMARY KEY (id),
  constraint command_patterns_sample_size_check CHECK ((sample_size >= 0))
) with (toast_tuple_target=8160);

create table daily_command_stats (
  organization_id uuid not null,
  day date not null,
  command_base character varying(100) not null,
  execution_count bigint not null,
  failed_count bigint not null,
  timeout_count bigint not null,
  avg_tokens numeric,
  total_tokens numeric,
  cached_tokens numeric,
  total_cost numeric,
  unpriced_count bigint not null,
  total_cache_savings numeric,
  constraint daily_command_stats_pkey PRIMARY KEY (organization_id, day, command_base)
);

create table deployment_events (
  organization_id uuid not null,
  event_id uuid not null,
  received_at timestamp with time zone not null,
  provider character varying(20) not null,
  deployment_id character varying(300) not null,
  state character varying(20) not null,
  provider_state character varying(60),
  environment character varying(200),
  project character varying(300),
  repository character varying(300),
  sha character varying(64),
  ref character varying(500),
  actor character varying(200),
  url text,
  log_url text,
  provider_time timestamp with time zone,
  constraint deployment_events_pkey PRIMARY KEY (organization_id, event_id, received_at)
) partition by RANGE (received_at);

create table deployment_records (
  organization_id uuid not null,
  provider character varying(20) not null,
  external_id character varying(300) not null,
  state character varying(20) not null,
  provider_state character varying(60),
  environment character varying(200),
  project character varying(300),
  repository_id uuid,
  repository character varying(300),
  sha character varying(64),
  ref character varying(500),
  actor character varying(200),
  description text,
  url text,
  log_url text,
  started_at timestamp with time zone,
  finished_at timestamp with time zone,
  event_id uuid not null,
  version_rank smallint not null,
  version_time timestamp with time zone not null,
  version_key character varying(400) not null,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  updated_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint deployment_records_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint deployment_records_pkey PRIMARY KEY (organization_id, provider, external_id),
  constraint deployment_records_state_check CHECK (((state)::text = ANY ((ARRAY['queued'::character varying, 'in_progress'::character varying, 'success'::character varying, 'failure'::character varying, 'cancelled'::character varying, 'inactive'::character varying, 'unknown'::character varying])::text[])))
);

create table event_content_keys (
  source_id uuid not null,
  content_key bytea not null,
  organization_id uuid not null,
  event_id uuid not null,
  received_at timestamp with time zone not null,
  constraint event_content_keys_content_key_check CHECK ((octet_length(content_key) = 32)),
  constraint event_content_keys_pkey PRIMARY KEY (source_id, content_key)
);

create table event_deliveries (
  organization_id uuid not null,
  id uuid not null,
  event_id uuid not null,
  event_received_at timestamp with time zone not null,
  subscription_id uuid not null,
  generation integer not null,
  status character varying(20) not null default 'pending'::character varying,
  attempts integer not null default 0,
  next_attempt_at timestamp with time zone,
  last_attempt_at timestamp with time zone,
  last_status integer,
  last_error character varying(500),
  delivered_at timestamp with time zone,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint due_while_unfinished CHECK (((next_attempt_at IS NOT NULL) = ((status)::text = ANY ((ARRAY['pending'::character varying, 'delivering'::character varying, 'failed'::character varying])::text[])))),
  constraint event_deliveries_organization_id_event_id_subscription_id_g_key UNIQUE (organization_id, event_id, subscription_id, generation, event_received_at),
  constraint event_deliveries_pkey PRIMARY KEY (organization_id, id, event_received_at),
  constraint event_deliveries_status_check CHECK (((status)::text = ANY ((ARRAY['pending'::character varying, 'delivering'::character varying, 'delivered'::character varying, 'failed'::character varying, 'dead_letter'::character varying, 'cancelled'::character varying])::text[])))
) partition by RANGE (event_received_at);

create table event_keys (
  source_id uuid not null,
  delivery_key character varying(400) not null,
  organization_id uuid not null,
  event_id uuid not null,
  received_at timestamp with time zone not null,
  constraint event_keys_pkey PRIMARY KEY (source_id, delivery_key)
);

create table event_processing_logs (
  organization_id uuid not null,
  event_id uuid not null,
  event_received_at timestamp with time zone not null,
  replay integer not null,
  attempt integer not null,
  started_at timestamp with time zone not null,
  duration_ms integer not null,
  outcome character varying(20) not null,
  error_class character varying(50),
  error_message text,
  constraint event_processing_logs_duration_ms_check CHECK ((duration_ms >= 0)),
  constraint event_processing_logs_outcome_check CHECK (((outcome)::text = ANY ((ARRAY['processed'::character varying, 'failed'::character varying, 'dead_letter'::character varying, 'ignored'::character varying])::text[]))),
  constraint event_processing_logs_pkey PRIMARY KEY (organization_id, event_id, replay, attempt, started_at)
) partition by RANGE (started_at);

create table event_source_secrets (
  id uuid not null default gen_random_uuid(),
  organization_id uuid not null,
  source_id uuid not null,
  reference character varying(500) not null,
  not_after timestamp with time zone,
  last_matched_at timestamp with time zone,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint event_source_secrets_organization_id_source_id_fkey FOREIGN KEY (organization_id, source_id) REFERENCES event_sources(organization_id, id) ON DELETE CASCADE,
  constraint event_source_secrets_pkey PRIMARY KEY (id),
  constraint event_source_secrets_reference_check CHECK (((reference)::text ~ '^(env:|file:|projects/)'::text))
);

create table event_sources (
  id uuid not null default gen_random_uuid(),
  organization_id uuid not null,
  kind character varying(20) not null,
  endpoint_id character varying(40) not null,
  name character varying(255) not null,
  status character varying(20) not null default 'active'::character varying,
  config jsonb not null default '{}'::jsonb,
  reconciled_at timestamp with time zone,
  reconcile_state jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  updated_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint event_sources_endpoint_id_check CHECK (((endpoint_id)::text ~ '^[A-Za-z0-9_-]{20,40}$'::text)),
  constraint event_sources_endpoint_id_key UNIQUE (endpoint_id),
  constraint event_sources_kind_check CHECK (((kind)::text = ANY ((ARRAY['github'::character varying, 'slack'::character varying, 'linear'::character varying, 'vercel'::character varying, 'standard'::character varying, 'signed'::character varying, 'cloud-build'::character varying, 'cloud-deploy'::character varying])::text[]))),
  constraint event_sources_name_check CHECK (((name)::text <> ''::text)),
  constraint event_sources_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint event_sources_organization_id_id_key UNIQUE (organization_id, id),
  constraint event_sources_organization_id_name_key UNIQUE (organization_id, name),
  constraint event_sources_pkey PRIMARY KEY (id),
  constraint event_sources_status_check CHECK (((status)::text = ANY ((ARRAY['active'::character varying, 'disabled'::character varying])::text[])))
);

create table event_subscriptions (
  id uuid not null default gen_random_uuid(),
  organization_id uuid not null,
  name character varying(255) not null,
  event_types text[] not null,
  source_id uuid,
  repositories text[],
  project_id uuid,
  conditions jsonb,
  target_kind character varying(20) not null,
  target character varying(2000) not null,
  secrets jsonb not null default '[]'::jsonb,
  is_active boolean not null default true,
  disabled_reason character varying(200),
  first_failure_at timestamp with time zone,
  last_success_at timestamp with time zone,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  updated_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint conditions_are_valid CHECK (((conditions IS NULL) OR (event_condition_is_valid(conditions) AND (NOT jsonb_path_exists(conditions, '$.**{41 to last}'::jsonpath))))),
  constraint event_subscriptions_event_types_check CHECK (((cardinality(event_types) >= 1) AND (cardinality(event_types) <= 50))),
  constraint event_subscriptions_name_check CHECK (((name)::text <> ''::text)),
  constraint event_subscriptions_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint event_subscriptions_organization_id_id_key UNIQUE (organization_id, id),
  constraint event_subscriptions_organization_id_name_key UNIQUE (organization_id, name),
  constraint event_subscriptions_organization_id_project_id_fkey FOREIGN KEY (organization_id, project_id) REFERENCES projects(organization_id, id) ON DELETE CASCADE,
  constraint event_subscriptions_organization_id_source_id_fkey FOREIGN KEY (organization_id, source_id) REFERENCES event_sources(organization_id, id) ON DELETE CASCADE,
  constraint event_subscriptions_pkey PRIMARY KEY (id),
  constraint event_subscriptions_repositories_check CHECK (((cardinality(repositories) >= 1) AND (cardinality(repositories) <= 100))),
  constraint event_subscriptions_target_kind_check CHECK (((target_kind)::text = ANY ((ARRAY['https'::character varying, 'pubsub'::character varying])::text[])))
);

create table event_types (
  organization_id uuid,
  type character varying(200) not null,
  source character varying(20) not null,
  version integer not null default 1,
  description text,
  json_schema jsonb,
  retention_days integer not null default 90,
  is_enabled boolean not null default true,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  updated_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint event_types_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint event_types_organization_id_type_key UNIQUE NULLS NOT DISTINCT (organization_id, type),
  constraint event_types_retention_days_check CHECK (((retention_days >= 1) AND (retention_days <= 3650))),
  constraint event_types_type_check CHECK (((type)::text ~ '^[a-z0-9-]+(\.[a-zA-Z0-9_-]+)*$'::text)),
  constraint event_types_version_check CHECK ((version > 0))
);

create table events (
  organization_id uuid not null,
  id uuid not null,
  received_at timestamp with time zone not null,
  source_id uuid not null,
  source character varying(20) not null,
  event_type character varying(200) not null,
  action character varying(200),
  delivery_key character varying(400) not null,
  body bytea not null,
  body_sha256 bytea not null,
  is_text boolean not null,
  content_type character varying(200),
  headers jsonb not null,
  provider_time timestamp with time zone,
  matched_secret_id uuid,
  status character varying(20) not null,
  attempts integer not null default 0,
  replays integer not null default 0,
  next_attempt_at timestamp with time zone,
  processed_at timestamp with time zone,
  error_class character varying(50),
  error_message text,
  payload jsonb,
  repository character varying(300),
  actor character varying(200),
  is_known_type boolean,
  constraint due_while_unfinished CHECK (((next_attempt_at IS NOT NULL) = ((status)::text = ANY ((ARRAY['pending'::character varying, 'processing'::character varying, 'failed'::character varying])::text[])))),
  constraint events_body_sha256_check CHECK ((octet_length(body_sha256) = 32)),
  constraint events_pkey PRIMARY KEY (organization_id, id, received_at),
  constraint status_check CHECK (((status)::text = ANY ((ARRAY['pending'::character varying, 'processing'::character varying, 'processed'::character varying, 'failed'::character varying, 'dead_letter'::character varying, 'ignored'::character varying])::text[])))
) partition by RANGE (received_at);

create table github_events (
  organization_id uuid not null,
  event_id uuid not null,
  received_at timestamp with time zone not null,
  event character varying(100) not null,
  action character varying(100),
  delivery_guid character varying(100),
  hook_id character varying(40),
  installation_id bigint,
  github_organization character varying(200),
  repository_external_id character varying(40),
  repository character varying(300),
  sender character varying(200),
  sender_type character varying(40),
  ref character varying(500),
  branch character varying(400),
  head_sha character varying(64),
  number bigint,
  title text,
  state character varying(60),
  conclusion character varying(60),
  is_merged boolean,
  commit_count integer,
  url text,
  provider_time timestamp with time zone,
  constraint github_events_pkey PRIMARY KEY (organization_id, event_id, received_at)
) partition by RANGE (received_at);

create table health_samples (
  metric character varying(60) not null,
  sampled_at timestamp with time zone not null default clock_timestamp(),
  value double precision not null,
  constraint health_samples_pkey PRIMARY KEY (metric, sampled_at)
);

create table ingest_keys (
  organization_id uuid not null,
  id uuid not null,
  "timestamp" timestamp with time zone not null,
  seen_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint ingest_keys_pkey PRIMARY KEY (organization_id, id)
);

create table insight_findings (
  organization_id uuid not null,
  finding_id character varying(80) not null,
  rule character varying(40) not null,
  subject jsonb not null,
  snapshot jsonb not null,
  state character varying(20) not null,
  muted_until timestamp with time zone,
  note text,
  done_at timestamp with time zone,
  promised_usd_per_month numeric(30,12),
  baseline_cost_usd numeric(30,12),
  baseline_units bigint,
  baseline_unit character varying(20),
  changed_by uuid,
  changed_at timestamp with time zone not null,
  constraint insight_findings_baseline_units_check CHECK ((baseline_units > 0)),
  constraint insight_findings_changed_by_fkey FOREIGN KEY (changed_by) REFERENCES users(id) ON DELETE SET NULL,
  constraint insight_findings_check CHECK ((((state)::text = 'muted'::text) = (muted_until IS NOT NULL))),
  constraint insight_findings_check1 CHECK ((((state)::text = 'done'::text) = (done_at IS NOT NULL))),
  constraint insight_findings_check2 CHECK (((done_at IS NOT NULL) OR (promised_usd_per_month IS NULL))),
  constraint insight_findings_check3 CHECK ((((baseline_cost_usd IS NULL) = (baseline_units IS NULL)) AND ((baseline_units IS NULL) = (baseline_unit IS NULL)))),
  constraint insight_findings_check4 CHECK (((done_at IS NOT NULL) OR (baseline_cost_usd IS NULL))),
  constraint insight_findings_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint insight_findings_pkey PRIMARY KEY (organization_id, finding_id),
  constraint insight_findings_state_check CHECK (((state)::text = ANY ((ARRAY['open'::character varying, 'acknowledged'::character varying, 'muted'::character varying, 'done'::character varying])::text[])))
);

create table job_runs (
  id bigint not null generated always as identity,
  job character varying(60) not null,
  started_at timestamp with time zone not null,
  ended_at timestamp with time zone not null,
  outcome character varying(20) not null,
  duration_ms bigint not null,
  counts jsonb not null,
  error_class character varying(100),
  constraint job_runs_duration_ms_check CHECK ((duration_ms >= 0)),
  constraint job_runs_outcome_check CHECK (((outcome)::text = ANY ((ARRAY['succeeded'::character varying, 'partial'::character varying, 'failed'::character varying])::text[]))),
  constraint job_runs_pkey PRIMARY KEY (id)
);

create table job_states (
  job character varying(60) not null,
  last_started_at timestamp with time zone not null,
  last_ended_at timestamp with time zone not null,
  last_outcome character varying(20) not null,
  last_duration_ms bigint not null,
  last_counts jsonb not null,
  last_error_class character varying(100),
  last_succeeded_at timestamp with time zone,
  consecutive_failures integer not null,
  runs bigint not null,
  failures bigint not null,
  constraint job_states_job_check CHECK (((job)::text <> ''::text)),
  constraint job_states_last_duration_ms_check CHECK ((last_duration_ms >= 0)),
  constraint job_states_last_outcome_check CHECK (((last_outcome)::text = ANY ((ARRAY['succeeded'::character varying, 'partial'::character varying, 'failed'::character varying])::text[]))),
  constraint job_states_pkey PRIMARY KEY (job)
);

create table linear_events (
  organization_id uuid not null,
  event_id uuid not null,
  received_at timestamp with time zone not null,
  type character varying(100) not null,
  action character varying(40) not null,
  delivery_id character varying(100),
  linear_organization_id character varying(100),
  webhook_id character varying(100),
  entity_id character varying(100),
  identifier character varying(60),
  title text,
  state character varying(200),
  state_type character varying(60),
  priority integer,
  team_id character varying(100),
  team_key character varying(40),
  project_id character varying(100),
  cycle_id character varying(100),
  issue_id character varying(100),
  assignee_id character varying(100),
  actor_id character varying(100),
  actor_name character varying(200),
  url text,
  provider_time timestamp with time zone,
  constraint linear_events_pkey PRIMARY KEY (organization_id, event_id, received_at)
) partition by RANGE (received_at);

create table organizations (
  id uuid not null default gen_random_uuid(),
  name character varying(255) not null,
  slug character varying(100) not null,
  is_demo boolean not null default false,
  settings jsonb not null default '{}'::jsonb,
  metadata jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  updated_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint organizations_name_check CHECK (((name)::text <> ''::text)),
  constraint organizations_pkey PRIMARY KEY (id),
  constraint organizations_slug_check CHECK (((slug)::text ~ '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$'::text)),
  constraint organizations_slug_key UNIQUE (slug)
);

create table pattern_daily_rollups (
  organization_id uuid not null,
  day date not null,
  pattern_signature character varying(500) not null,
  command_base character varying(100) not null,
  execution_count bigint not null,
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
  constraint pattern_daily_rollups_check CHECK (((failed_count + timeout_count) <= execution_count)),
  constraint pattern_daily_rollups_check1 CHECK (((measured_count <= execution_count) AND (priced_count <= execution_count) AND (timed_count <= execution_count))),
  constraint pattern_daily_rollups_execution_count_check CHECK ((execution_count > 0)),
  constraint pattern_daily_rollups_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint pattern_daily_rollups_pkey PRIMARY KEY (organization_id, day, pattern_signature)
);

create table pattern_dirty_days (
  id bigint not null generated always as identity,
  organization_id uuid,
  day date not null,
  constraint pattern_dirty_days_pkey PRIMARY KEY (id)
);

create table pattern_frozen_days (
  organization_id uuid not null,
  before date not null,
  constraint pattern_frozen_days_pkey PRIMARY KEY (organization_id)
);

create table pattern_state (
  only_row boolean not null default true,
  server text not null,
  seen pg_snapshot not null,
  unseen_since timestamp with time zone not null,
  window_first_day date not null,
  window_is_stale boolean not null,
  months_to_recount date[] not null,
  constraint pattern_state_only_row_check CHECK (only_row),
  constraint pattern_state_pkey PRIMARY KEY (only_row)
);

create table prediction_levels (
  organization_id uuid not null,
  key_hash bytea not null,
  level character varying(30) not null,
  executions bigint not null,
  failed bigint not null,
  summaries bytea not null,
  constraint prediction_levels_check CHECK (((failed >= 0) AND (failed <= executions))),
  constraint prediction_levels_executions_check CHECK ((executions >= 0)),
  constraint prediction_levels_key_hash_check CHECK ((octet_length(key_hash) = 16)),
  constraint prediction_levels_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint prediction_levels_pkey PRIMARY KEY (organization_id, key_hash)
);

create table prediction_models (
  organization_id uuid not null,
  version smallint not null,
  executions bigint not null,
  last_ended_at timestamp with time zone not null,
  models jsonb not null,
  learner jsonb not null,
  updated_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint prediction_models_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint prediction_models_pkey PRIMARY KEY (organization_id)
);

create table prediction_state (
  only_row boolean not null default true,
  server text not null,
  version smallint not null,
  seen pg_snapshot not null,
  unseen_since timestamp with time zone not null,
  organizations_to_replay uuid[] not null,
  constraint prediction_state_only_row_check CHECK (only_row),
  constraint prediction_state_pkey PRIMARY KEY (only_row)
);

create table project_repositories (
  organization_id uuid not null,
  project_id uuid not null,
  repository_id uuid not null,
  is_primary boolean not null default false,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint project_repositories_organization_id_project_id_fkey FOREIGN KEY (organization_id, project_id) REFERENCES projects(organization_id, id) ON DELETE CASCADE,
  constraint project_repositories_organization_id_repository_id_fkey FOREIGN KEY (organization_id, repository_id) REFERENCES repositories(organization_id, id) ON DELETE CASCADE,
  constraint project_repositories_pkey PRIMARY KEY (organization_id, project_id, repository_id)
);

create table projects (
  id uuid not null default gen_random_uuid(),
  organization_id uuid not null,
  name character varying(255) not null,
  description text,
  status character varying(20) not null default 'planning'::character varying,
  priority integer,
  lead character varying(200),
  goals jsonb not null default '[]'::jsonb,
  start_date date,
  target_date date,
  completed_at timestamp with time zone,
  source character varying(20),
  external_id character varying(100),
  url text,
  metadata jsonb not null default '{}'::jsonb,
  deleted_at timestamp with time zone,
  version_time timestamp with time zone not null default '-infinity'::timestamp with time zone,
  version_rank smallint not null default 0,
  version_key character varying(400) not null default ''::character varying,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  updated_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint projects_name_check CHECK (((name)::text <> ''::text)),
  constraint projects_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint projects_organization_id_id_key UNIQUE (organization_id, id),
  constraint projects_organization_id_source_external_id_key UNIQUE (organization_id, source, external_id),
  constraint projects_pkey PRIMARY KEY (id),
  constraint projects_status_check CHECK (((status)::text = ANY ((ARRAY['planning'::character varying, 'active'::character varying, 'paused'::character varying, 'completed'::character varying, 'cancelled'::character varying])::text[])))
);

create table rejected_requests (
  source_id uuid not null,
  id bigint not null generated always as identity,
  organization_id uuid,
  rejected_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  kind character varying(20) not null,
  endpoint_id character varying(40),
  reason character varying(50) not null,
  detail character varying(500) not null,
  headers jsonb not null,
  body_bytes bigint not null,
  body_sha256 bytea,
  constraint rejected_requests_pkey PRIMARY KEY (source_id, id)
);

create table repositories (
  id uuid not null default gen_random_uuid(),
  organization_id uuid not null,
  provider character varying(20) not null,
  external_id character varying(100) not null,
  full_name character varying(300) not null,
  owner character varying(200) not null,
  name character varying(200) not null,
  default_branch character varying(400),
  description text,
  language character varying(100),
  url text,
  is_private boolean,
  is_fork boolean,
  is_archived boolean,
  pushed_at timestamp with time zone,
  deleted_at timestamp with time zone,
  analysis_config jsonb not null default '{}'::jsonb,
  version_time timestamp with time zone not null,
  version_rank smallint not null,
  version_key character varying(400) not null,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  updated_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint repositories_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint repositories_organization_id_id_key UNIQUE (organization_id, id),
  constraint repositories_organization_id_provider_external_id_key UNIQUE (organization_id, provider, external_id),
  constraint repositories_pkey PRIMARY KEY (id)
);

create table repository_branches (
  organization_id uuid not null,
  repository_id uuid not null,
  name character varying(400) not null,
  head_sha character varying(64),
  head_message character varying(500),
  head_author character varying(200),
  head_committed_at timestamp with time zone,
  pusher character varying(200),
  commit_count integer,
  is_forced boolean,
  url text,
  deleted_at timestamp with time zone,
  version_time timestamp with time zone not null,
  version_rank smallint not null,
  version_key character varying(400) not null,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  updated_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint repository_branches_organization_id_repository_id_fkey FOREIGN KEY (organization_id, repository_id) REFERENCES repositories(organization_id, id) ON DELETE CASCADE,
  constraint repository_branches_pkey PRIMARY KEY (organization_id, repository_id, name)
);

create table repository_commits (
  organization_id uuid not null,
  repository_id uuid not null,
  sha character varying(64) not null,
  message character varying(500),
  author character varying(200),
  committed_at timestamp with time zone,
  url text,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint repository_commits_organization_id_repository_id_fkey FOREIGN KEY (organization_id, repository_id) REFERENCES repositories(organization_id, id) ON DELETE CASCADE,
  constraint repository_commits_pkey PRIMARY KEY (organization_id, repository_id, sha)
);

create table repository_names (
  organization_id uuid not null,
  name character varying(300) not null,
  repository_id uuid not null,
  first_seen timestamp with time zone not null,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint repository_names_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint repository_names_pkey PRIMARY KEY (organization_id, name, repository_id)
);

create table retention_archives (
  id uuid not null default gen_random_uuid(),
  month date not null,
  state character varying(20) not null,
  location character varying(1000),
  manifest_sha256 bytea,
  row_count bigint,
  held_until timestamp with time zone,
  created_at timestamp with time zone not null default clock_timestamp(),
  updated_at timestamp with time zone not null default clock_timestamp(),
  constraint retention_archives_month_check CHECK ((month = date_trunc('month'::text, (month)::timestamp with time zone))),
  constraint retention_archives_pkey PRIMARY KEY (id),
  constraint retention_archives_state_check CHECK (((state)::text = ANY ((ARRAY['early'::character varying, 'detached'::character varying, 'archived'::character varying, 'exported'::character varying, 'dropped'::character varying, 'restored'::character varying])::text[])))
);

create table retention_counts (
  run_id bigint not null,
  store character varying(20) not null,
  table_name character varying(100) not null,
  organization_id uuid not null,
  before timestamp with time zone,
  past_rows_before bigint not null,
  past_rows_after bigint,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint retention_counts_pkey PRIMARY KEY (run_id, store, table_name, organization_id),
  constraint retention_counts_run_id_fkey FOREIGN KEY (run_id) REFERENCES retention_runs(id) ON DELETE CASCADE,
  constraint retention_counts_store_check CHECK (((store)::text = ANY ((ARRAY['postgres'::character varying, 'clickhouse'::character varying])::text[])))
);

create table retention_policies (
  organization_id uuid,
  target character varying(40) not null,
  keep_days integer not null,
  action character varying(10) not null default 'delete'::character varying,
  updated_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint retention_policies_action_check CHECK (((action)::text = ANY ((ARRAY['archive'::character varying, 'delete'::character varying])::text[]))),
  constraint retention_policies_check CHECK ((((action)::text = 'delete'::text) OR ((target)::text = 'executions'::text))),
  constraint retention_policies_check1 CHECK ((((target)::text <> ALL ((ARRAY['event_keys'::character varying, 'ingest_keys'::character varying])::text[])) OR ((organization_id IS NULL) AND (keep_days >= 7)))),
  constraint retention_policies_keep_days_check CHECK (((keep_days >= 1) AND (keep_days <= 36500))),
  constraint retention_policies_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint retention_policies_organization_id_target_key UNIQUE NULLS NOT DISTINCT (organization_id, target),
  constraint retention_policies_target_check CHECK (((target)::text = ANY ((ARRAY['executions'::character varying, 'audit_logs'::character varying, 'event_processing_logs'::character varying, 'event_keys'::character varying, 'ingest_keys'::character varying, 'rejected_requests'::character varying, 'aggregated_metrics'::character varying, 'workload_events'::character varying, 'user_activity'::character varying])::text[])))
);

create table retention_runs (
  id bigint not null generated always as identity,
  kind character varying(10) not null,
  subject_id uuid,
  started_at timestamp with time zone not null default clock_timestamp(),
  finished_at timestamp with time zone,
  state character varying(20) not null default 'running'::character varying,
  counted_from timestamp with time zone not null,
  step character varying(500),
  outcome jsonb not null default '{}'::jsonb,
  constraint retention_runs_kind_check CHECK (((kind)::text = ANY ((ARRAY['run'::character varying, 'restore'::character varying, 'erase'::character varying])::text[]))),
  constraint retention_runs_pkey PRIMARY KEY (id),
  constraint retention_runs_state_check CHECK (((state)::text = ANY ((ARRAY['running'::character varying, 'done'::character varying, 'incomplete'::character varying, 'failed'::character varying, 'cut_off'::character varying])::text[])))
);

create table slack_events (
  organization_id uuid not null,
  event_id uuid not null,
  received_at timestamp with time zone not null,
  event character varying(100) not null,
  subtype character varying(100),
  slack_event_id character varying(100),
  team_id character varying(40),
  api_app_id character varying(40),
  channel_id character varying(40),
  user_id character varying(40),
  bot_id character varying(40),
  text text,
  reaction character varying(200),
  ts character varying(40),
  thread_ts character varying(40),
  item_channel_id character varying(40),
  item_ts character varying(40),
  provider_time timestamp with time zone,
  constraint slack_events_pkey PRIMARY KEY (organization_id, event_id, received_at)
) partition by RANGE (received_at);

create table tracked_items (
  organization_id uuid not null,
  source character varying(20) not null,
  kind character varying(40) not null,
  external_id character varying(200) not null,
  repository_id uuid,
  repository character varying(300),
  number bigint,
  identifier character varying(60),
  title text,
  state character varying(200),
  conclusion character varying(60),
  severity character varying(40),
  author character varying(200),
  assignee character varying(200),
  branch character varying(400),
  base_branch character varying(400),
  head_sha character varying(64),
  merge_sha character varying(64),
  parent_id character varying(200),
  url text,
  opened_at timestamp with time zone,
  closed_at timestamp with time zone,
  deleted_at timestamp with time zone,
  event_id uuid not null,
  version_time timestamp with time zone not null,
  version_rank smallint not null,
  version_key character varying(400) not null,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  updated_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  head_repository_id uuid,
  constraint tracked_items_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint tracked_items_pkey PRIMARY KEY (organization_id, source, kind, external_id)
);

create table users (
  id uuid not null default gen_random_uuid(),
  organization_id uuid not null,
  email character varying(255) not null,
  name character varying(255),
  role character varying(20) not null default 'member'::character varying,
  password_hash character varying(255),
  oauth_provider character varying(50),
  oauth_id character varying(255),
  picture text,
  is_active boolean not null default true,
  preferences jsonb not null default '{}'::jsonb,
  metadata jsonb not null default '{}'::jsonb,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  updated_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  last_login_at timestamp with time zone,
  constraint users_email_check CHECK (((email)::text = lower((email)::text))),
  constraint users_organization_id_email_key UNIQUE (organization_id, email),
  constraint users_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint users_organization_id_id_key UNIQUE (organization_id, id),
  constraint users_pkey PRIMARY KEY (id),
  constraint users_role_check CHECK (((role)::text = ANY ((ARRAY['owner'::character varying, 'admin'::character varying, 'member'::character varying, 'viewer'::character varying])::text[])))
);

create view analytics_performance_analysis as
 SELECT kind,
    count(*) AS entries,
    sum(cardinality(record_ids)) AS records,
    sum(bytes) AS bytes,
    count(DISTINCT batch) AS sealed_batches,
    min(created_at) AS oldest,
    (EXTRACT(epoch FROM (now() - min(created_at))))::bigint AS lag_seconds
   FROM analytics_outbox
  GROUP BY kind;

create view critical_alerts as
 SELECT id,
    rule,
    subject,
    severity,
    value,
    threshold,
    unit,
    message,
    next_step,
    opened_at,
    (EXTRACT(epoch FROM (now() - opened_at)))::bigint AS open_seconds
   FROM alerts
  WHERE ((closed_at IS NULL) AND ((severity)::text = 'critical'::text))
  ORDER BY opened_at;

create view data_integrity_checks as
 WITH found(check_name, issue_count, detail) AS (
         SELECT 'invalid indexes'::text AS "?column?",
            count(*) AS count,
            string_agg(((x.indexrelid)::regclass)::text, ', '::text ORDER BY x.indexrelid) AS string_agg
           FROM (pg_index x
             JOIN pg_class c ON ((c.oid = x.indexrelid)))
          WHERE ((NOT x.indisvalid) AND (c.relnamespace = ('public'::regnamespace)::oid))
        UNION ALL
         SELECT 'constraints that were never checked'::text,
            count(*) AS count,
            string_agg((c.conname)::text, ', '::text ORDER BY ((c.conname)::text)) AS string_agg
           FROM pg_constraint c
          WHERE ((NOT c.convalidated) AND (c.connamespace = ('public'::regnamespace)::oid))
        UNION ALL
         SELECT 'daily statistics of organizations that are not there'::text,
            count(*) AS count,
            NULL::text
           FROM ( SELECT DISTINCT daily_command_stats.organization_id
                   FROM daily_command_stats) s
          WHERE (NOT (EXISTS ( SELECT
                   FROM organizations o
                  WHERE (o.id = s.organization_id))))
        UNION ALL
         SELECT 'days whose roll-ups and statistics differ'::text,
            count(*) AS count,
            NULL::text
           FROM (( SELECT pattern_daily_rollups.organization_id,
                    pattern_daily_rollups.day,
                    sum(pattern_daily_rollups.execution_count) AS executions
                   FROM pattern_daily_rollups
                  GROUP BY pattern_daily_rollups.organization_id, pattern_daily_rollups.day) r
             FULL JOIN ( SELECT daily_command_stats.organization_id,
                    daily_command_stats.day,
                    sum(daily_command_stats.execution_count) AS executions
                   FROM daily_command_stats
                  GROUP BY daily_command_stats.organization_id, daily_command_stats.day) s USING (organization_id, day))
          WHERE (r.executions IS DISTINCT FROM s.executions)
        UNION ALL
         SELECT 'sealed batches left for more than a day'::text,
            count(DISTINCT o.batch) AS count,
            NULL::text
           FROM analytics_outbox o
          WHERE ((o.batch IS NOT NULL) AND (o.created_at < (now() - '1 day'::interval)))
        UNION ALL
         SELECT 'deliveries of subscriptions that are not there'::text,
            count(*) AS count,
            NULL::text
           FROM event_deliveries d
          WHERE ((d.next_attempt_at IS NOT NULL) AND (NOT (EXISTS ( SELECT
                   FROM event_subscriptions s
                  WHERE (s.id = d.subscription_id)))))
        UNION ALL
         SELECT 'events overdue for more than an hour'::text,
            count(*) AS count,
            NULL::text
           FROM events e
          WHERE (e.next_attempt_at < (now() - '01:00:00'::interval))
        UNION ALL
         SELECT 'branches in the records of no repository'::text,
            count(*) AS count,
            NULL::text
           FROM repository_branches b
          WHERE (NOT (EXISTS ( SELECT
                   FROM repositories r
                  WHERE (r.id = b.repository_id))))
        )
 SELECT check_name,
        CASE
            WHEN (issue_count = 0) THEN 'pass'::text
            ELSE 'fail'::text
        END AS status,
    issue_count,
    detail
   FROM found;

create view data_quality_metrics as
 WITH executions AS (
         SELECT count(*) AS total,
            count(*) FILTER (WHERE ((command_executions.status)::text <> 'pending'::text)) AS ended,
            count(*) FILTER (WHERE (((command_executions.status)::text = 'pending'::text) AND (command_executions."timestamp" < (now() - '1 day'::interval)))) AS left_pending,
            count(*) FILTER (WHERE (((command_executions.status)::text <> 'pending'::text) AND (command_executions.total_tokens IS NULL))) AS unmeasured,
            count(*) FILTER (WHERE (((command_executions.status)::text <> 'pending'::text) AND ((command_executions.cost_basis)::text = 'unpriced'::text))) AS unpriced,
            count(*) FILTER (WHERE ((command_executions.model_version IS NULL) AND ((command_executions.status)::text <> 'pending'::text))) AS without_model,
            count(*) FILTER (WHERE (command_executions."timestamp" > (command_executions.ingested_at + '00:05:00'::interval))) AS from_the_future
           FROM command_executions
          WHERE (command_executions."timestamp" > (now() - '7 days'::interval))
        ), incoming AS (
         SELECT count(*) AS total,
            count(*) FILTER (WHERE ((events.status)::text = 'processed'::text)) AS processed,
            count(*) FILTER (WHERE ((events.status)::text = 'dead_letter'::text)) AS dead,
            count(*) FILTER (WHERE (events.is_known_type = false)) AS unknown_type,
            count(*) FILTER (WHERE ((events.error_class)::text = 'suspected_replay'::text)) AS replays
           FROM events
          WHERE (events.received_at > (now() - '7 days'::interval))
        ), metrics(subject, metric, issue_count, total) AS (
         SELECT 'command_executions'::text AS "?column?",
            m.metric,
            m.issue_count,
            m.total
           FROM executions e,
            LATERAL ( VALUES ('pending for more than a day'::text,e.left_pending,e.total), ('without token counts'::text,e.unmeasured,e.ended), ('without a price'::text,e.unpriced,e.ended), ('without a model'::text,e.without_model,e.ended), ('dated in the future'::text,e.from_the_future,e.total)) m(metric, issue_count, total)
        UNION ALL
         SELECT 'events'::text,
            m.metric,
            m.issue_count,
            m.total
           FROM incoming i,
            LATERAL ( VALUES ('given up'::text,i.dead,i.total), ('of unknown type'::text,i.unknown_type,i.processed), ('suspected replays'::text,i.replays,i.total)) m(metric, issue_count, total)
        )
 SELECT subject,
    metric,
    issue_count,
    total,
    round(((100.0 * (issue_count)::numeric) / (NULLIF(total, 0))::numeric), 2) AS issue_percent
   FROM metrics;

create view database_health_summary as
 SELECT current_database() AS database,
    current_setting('server_version'::text) AS server_version,
    pg_postmaster_start_time() AS started_at,
    pg_is_in_recovery() AS is_replica,
    pg_database_size(current_database()) AS size_bytes,
    (current_setting('max_connections'::text))::integer AS connections_max,
    s.connections_used,
    s.connections_active,
    s.connections_idle,
    s.connections_idle_in_transaction,
    s.oldest_transaction_seconds,
    ( SELECT count(*) AS count
           FROM pg_locks l
          WHERE (NOT l.granted)) AS waiting_locks,
    d.deadlocks,
    d.temp_bytes,
    d.xact_commit AS committed,
    d.xact_rollback AS rolled_back,
    round(((100.0 * (d.blks_hit)::numeric) / (NULLIF((d.blks_hit + d.blks_read), 0))::numeric), 2) AS cache_hit_percent,
    ( SELECT count(*) AS count
           FROM pg_stat_user_tables) AS tables,
    ( SELECT sum(t.n_dead_tup) AS sum
           FROM pg_stat_user_tables t) AS dead_rows,
    d.stats_reset AS counted_since
   FROM pg_stat_database d,
    ( SELECT count(*) AS connections_used,
            count(*) FILTER (WHERE (database_sessions.state = 'active'::text)) AS connections_active,
            count(*) FILTER (WHERE (database_sessions.state = 'idle'::text)) AS connections_idle,
            count(*) FILTER (WHERE (database_sessions.state ~~ 'idle in transaction%'::text)) AS connections_idle_in_transaction,
            max(database_sessions.transaction_seconds) FILTER (WHERE database_sessions.is_of_this_database) AS oldest_transaction_seconds
           FROM database_sessions() database_sessions(pid, application_name, backend_type, state, is_of_this_database, is_hidden, is_waiting_for_lock, transaction_seconds, query_seconds, state_seconds)
          WHERE (database_sessions.backend_type = 'client backend'::text)) s
  WHERE (d.datname = current_database());

create view database_resource_utilization as
 WITH used AS (
         SELECT 'connections'::text AS resource,
            (( SELECT count(*) AS count
                   FROM database_sessions() database_sessions(pid, application_name, backend_type, state, is_of_this_database, is_hidden, is_waiting_for_lock, transaction_seconds, query_seconds, state_seconds)
                  WHERE (database_sessions.backend_type = 'client backend'::text)))::numeric AS used,
            (((current_setting('max_connections'::text))::integer - (current_setting('superuser_reserved_connections'::text))::integer))::numeric AS available,
            'connections'::text AS unit
        UNION ALL
         SELECT 'database'::text,
            pg_database_size(current_database()) AS pg_database_size,
            NULL::numeric,
            'bytes'::text
        UNION ALL
         SELECT 'temporary files since the statistics began'::text,
            d.temp_bytes,
            NULL::numeric,
            'bytes'::text
           FROM pg_stat_database d
          WHERE (d.datname = current_database())
        UNION ALL
         SELECT 'block reads answered from memory'::text,
            d.blks_hit,
            NULLIF((d.blks_hit + d.blks_read), 0) AS "nullif",
            'blocks'::text
           FROM pg_stat_database d
          WHERE (d.datname = current_database())
        UNION ALL
         SELECT 'transaction ids before a forced vacuum'::text,
            age(d.datfrozenxid) AS age,
            (current_setting('autovacuum_freeze_max_age'::text))::bigint AS current_setting,
            'transactions'::text
           FROM pg_database d
          WHERE (d.datname = current_database())
        UNION ALL
         SELECT 'autovacuum workers'::text,
            ( SELECT count(*) AS count
                   FROM database_sessions() database_sessions(pid, application_name, backend_type, state, is_of_this_database, is_hidden, is_waiting_for_lock, transaction_seconds, query_seconds, state_seconds)
                  WHERE (database_sessions.backend_type = 'autovacuum worker'::text)) AS count,
            (current_setting('autovacuum_max_workers'::text))::integer AS current_setting,
            'workers'::text
        UNION ALL
         SELECT 'log kept for replicas'::text,
            ( SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)) AS max
                   FROM pg_replication_slots s
                  WHERE (NOT pg_is_in_recovery())) AS max,
            NULL::numeric,
            'bytes'::text
        )
 SELECT resource,
    used,
    available,
    unit,
    round(((100.0 * used) / NULLIF(available, (0)::numeric)), 1) AS used_percent
   FROM used;

create view deliveries_performance_analysis as
 SELECT organization_id,
    subscription_id,
    count(*) AS deliveries,
    count(*) FILTER (WHERE ((status)::text = 'delivered'::text)) AS delivered,
    count(*) FILTER (WHERE ((status)::text = 'dead_letter'::text)) AS dead_letters,
    count(*) FILTER (WHERE (next_attempt_at IS NOT NULL)) AS waiting,
    percentile_cont((0.95)::double precision) WITHIN GROUP (ORDER BY ((EXTRACT(epoch FROM (delivered_at - created_at)))::double precision)) AS p95_seconds,
    max(attempts) AS attempts_max
   FROM event_deliveries d
  WHERE (event_received_at > (now() - '7 days'::interval))
  GROUP BY organization_id, subscription_id;

create view events_performance_analysis as
 SELECT organization_id,
    source,
    event_type,
    count(*) AS events,
    count(*) FILTER (WHERE ((status)::text = 'processed'::text)) AS processed,
    count(*) FILTER (WHERE ((status)::text = 'dead_letter'::text)) AS dead_letters,
    count(*) FILTER (WHERE (next_attempt_at IS NOT NULL)) AS waiting,
    percentile_cont((0.5)::double precision) WITHIN GROUP (ORDER BY ((EXTRACT(epoch FROM (processed_at - received_at)))::double precision)) AS median_seconds,
    percentile_cont((0.95)::double precision) WITHIN GROUP (ORDER BY ((EXTRACT(epoch FROM (processed_at - received_at)))::double precision)) AS p95_seconds,
    (avg(attempts))::numeric(10,2) AS attempts_average
   FROM events e
  WHERE (received_at > (now() - '7 days'::interval))
  GROUP BY organization_id, source, event_type;

create view executions_performance_analysis as
 SELECT organization_id,
    command_base,
    count(*) AS executions,
    count(*) FILTER (WHERE ((status)::text = ANY ((ARRAY['failed'::character varying, 'timeout'::character varying])::text[]))) AS failed,
    percentile_cont((0.5)::double precision) WITHIN GROUP (ORDER BY ((execution_time_ms)::double precision)) AS median_ms,
    percentile_cont((0.95)::double precision) WITHIN GROUP (ORDER BY ((execution_time_ms)::double precision)) AS p95_ms,
    sum(total_tokens) AS total_tokens,
    sum(cost_usd) AS cost_usd,
    (max(EXTRACT(epoch FROM (ingested_at - "timestamp"))))::numeric(20,3) AS slowest_arrival_seconds
   FROM command_executions
  WHERE (("timestamp" > (now() - '7 days'::interval)) AND ((status)::text <> 'pending'::text))
  GROUP BY organization_id, command_base;

create view index_usage_analysis as
 SELECT i.relname AS table_name,
    i.indexrelname AS index_name,
    pg_relation_size((i.indexrelid)::regclass) AS bytes,
    i.idx_scan AS scans,
    i.idx_tup_read AS entries_read,
    x.indisunique AS is_unique,
    x.indisvalid AS is_valid,
        CASE
            WHEN (NOT x.indisvalid) THEN 'invalid'::text
            WHEN (i.idx_scan > 1000) THEN 'used'::text
            WHEN (i.idx_scan > 0) THEN 'rarely used'::text
            WHEN x.indisunique THEN 'constraint'::text
            ELSE 'unused'::text
        END AS usage_status
   FROM (pg_stat_user_indexes i
     JOIN pg_index x ON ((x.indexrelid = i.indexrelid)))
  WHERE (i.schemaname = 'public'::name)
  ORDER BY (pg_relation_size((i.indexrelid)::regclass)) DESC;

create view jobs_performance_analysis as
 SELECT job,
    last_outcome,
    last_ended_at,
    last_succeeded_at,
    last_duration_ms,
    last_error_class,
    runs,
    failures,
    round(((100.0 * (failures)::numeric) / (NULLIF(runs, 0))::numeric), 2) AS failure_percent,
    consecutive_failures,
    ( SELECT percentile_cont((0.95)::double precision) WITHIN GROUP (ORDER BY ((r.duration_ms)::double precision)) AS percentile_cont
           FROM job_runs r
          WHERE ((r.job)::text = (s.job)::text)) AS p95_recorded_duration_ms
   FROM job_states s;

create view maintenance_recommendations as
 SELECT (s.schemaname)::text AS schema_name,
    (s.relname)::text AS table_name,
    advice.action,
    advice.reason,
    advice.statement,
    s.n_live_tup AS live_rows,
    s.n_dead_tup AS dead_rows,
    GREATEST(s.last_vacuum, s.last_autovacuum) AS last_vacuum,
    GREATEST(s.last_analyze, s.last_autoanalyze) AS last_analyze
   FROM ((pg_stat_user_tables s
     JOIN pg_class c ON ((c.oid = s.relid)))
     CROSS JOIN LATERAL ( SELECT 'vacuum'::text AS action,
            format('%s of %s rows are dead'::text, s.n_dead_tup, (s.n_live_tup + s.n_dead_tup)) AS reason,
            format('vacuum (analyze) %I.%I'::text, s.schemaname, s.relname) AS statement
          WHERE ((s.n_dead_tup > 10000) AND ((s.n_dead_tup)::numeric > (0.2 * (s.n_live_tup)::numeric)))
        UNION ALL
         SELECT 'analyze'::text,
            format('%s rows changed since the last look'::text, s.n_mod_since_analyze) AS format,
            format('analyze %I.%I'::text, s.schemaname, s.relname) AS format
          WHERE ((s.n_mod_since_analyze > 10000) AND ((s.n_mod_since_analyze)::numeric > (0.2 * (GREATEST(s.n_live_tup, (1)::bigint))::numeric)))
        UNION ALL
         SELECT 'freeze'::text,
            format('its oldest transaction is %s transactions old'::text, age(c.relfrozenxid)) AS format,
            format('vacuum (freeze) %I.%I'::text, s.schemaname, s.relname) AS format
          WHERE ((c.relkind = 'r'::"char") AND (age(c.relfrozenxid) > 1000000000))) advice)
  WHERE (s.schemaname = ANY (ARRAY['public'::name, 'archive'::name]));

create view organization_daily_command_stats with (security_barrier=true) as
 SELECT organization_id,
    day,
    command_base,
    execution_count,
    failed_count,
    timeout_count,
    avg_tokens,
    total_tokens,
    cached_tokens,
    total_cost,
    unpriced_count,
    total_cache_savings
   FROM daily_command_stats
  WHERE (organization_id = current_organization_id());

create view patterns_performance_analysis as
 SELECT organization_id,
    count(*) AS patterns,
    sum(sample_size) AS executions,
    max(last_updated) AS last_updated,
    ( SELECT count(*) AS count
           FROM pattern_dirty_days d
          WHERE (d.organization_id = p.organization_id)) AS days_to_recount
   FROM command_patterns p
  GROUP BY organization_id;

create view performance_optimization_recommendations as
 SELECT 'indexing'::text AS category,
    'medium'::text AS priority,
    t.table_name AS subject,
    t.recommendation
   FROM table_access_patterns t
  WHERE (t.recommendation ~~ 'Consider adding indexes%'::text)
UNION ALL
 SELECT 'indexing'::text AS category,
    'low'::text AS priority,
    (i.index_name)::text AS subject,
    (('Consider dropping it: it takes '::text || pg_size_pretty(i.bytes)) || ' and was never read since the statistics began'::text) AS recommendation
   FROM index_usage_analysis i
  WHERE ((i.usage_status = 'unused'::text) AND (i.bytes > ((10 * 1024) * 1024)))
UNION ALL
 SELECT 'indexing'::text AS category,
    'high'::text AS priority,
    (i.index_name)::text AS subject,
    'Build it again: it is invalid, and costs writes without serving reads'::text AS recommendation
   FROM index_usage_analysis i
  WHERE (i.usage_status = 'invalid'::text)
UNION ALL
 SELECT 'maintenance'::text AS category,
    'medium'::text AS priority,
    t.table_name AS subject,
    t.recommendation
   FROM table_access_patterns t
  WHERE ((t.recommendation ~~ 'Vacuum%'::text) OR (t.recommendation ~~ 'Analyze%'::text))
UNION ALL
 SELECT 'queries'::text AS category,
    q.priority,
    (q.queryid)::text AS subject,
    ((((('Look at its plan: '::text || q.mean_ms) || ' ms on average over '::text) || q.calls) || ' calls: '::text) || "left"(q.query, 100)) AS recommendation
   FROM slow_query_analysis q
  WHERE (q.priority = ANY (ARRAY['critical'::text, 'high'::text]))
UNION ALL
 SELECT 'memory'::text AS category,
    'medium'::text AS priority,
    'shared_buffers'::text AS subject,
    (('Give the server more memory: '::text || s.cache_hit_percent) || ' % of block reads are answered from it'::text) AS recommendation
   FROM database_health_summary s
  WHERE (s.cache_hit_percent < (90)::numeric)
UNION ALL
 SELECT 'connections'::text AS category,
        CASE
            WHEN (u.used_percent > (95)::numeric) THEN 'critical'::text
            ELSE 'high'::text
        END AS priority,
    u.resource AS subject,
    (('Lower the pools of the functions or raise max_connections: '::text || u.used_percent) || ' % are used'::text) AS recommendation
   FROM database_resource_utilization u
  WHERE ((u.resource = 'connections'::text) AND (u.used_percent > (80)::numeric))
UNION ALL
 SELECT 'maintenance'::text AS category,
    'critical'::text AS priority,
    u.resource AS subject,
    (('Vacuum freeze: '::text || u.used_percent) || ' % of the ids are used up'::text) AS recommendation
   FROM database_resource_utilization u
  WHERE ((u.resource ~~ 'transaction ids%'::text) AND (u.used_percent > (90)::numeric));

create view slow_query_analysis as
 SELECT queryid,
    query,
    calls,
    round((mean_ms)::numeric, 3) AS mean_ms,
    round((max_ms)::numeric, 3) AS max_ms,
    round((total_ms)::numeric, 3) AS total_ms,
    rows,
    round(((100.0 * (blocks_hit)::numeric) / (NULLIF((blocks_hit + blocks_read), 0))::numeric), 1) AS cache_hit_percent,
        CASE
            WHEN (mean_ms > (5000)::double precision) THEN 'critical'::text
            WHEN (mean_ms > (1000)::double precision) THEN 'high'::text
            WHEN (mean_ms > (100)::double precision) THEN 'medium'::text
            ELSE 'low'::text
        END AS priority
   FROM statement_statistics() s(queryid, query, calls, mean_ms, max_ms, total_ms, rows, blocks_hit, blocks_read)
  ORDER BY s.total_ms DESC;

create view system_health as
 WITH facts(component, value, unit, warning, critical) AS (
         SELECT 'connections'::text AS "?column?",
            u.used_percent,
            '%'::text AS "?column?",
            80 AS "?column?",
            95 AS "?column?"
           FROM database_resource_utilization u
          WHERE (u.resource = 'connections'::text)
        UNION ALL
         SELECT 'database size'::text,
            s.size_bytes,
            'bytes'::text,
            '80000000000'::numeric,
            '100000000000'::numeric
           FROM database_health_summary s
        UNION ALL
         SELECT 'oldest transaction'::text,
            (COALESCE(s.oldest_transaction_seconds, (0)::double precision))::numeric AS "coalesce",
            's'::text,
            300,
            3600
           FROM database_health_summary s
        UNION ALL
         SELECT 'locks waited for'::text,
            s.waiting_locks,
            'locks'::text,
            10,
            50
           FROM database_health_summary s
        UNION ALL
         SELECT 'relay lag'::text,
            ( SELECT (COALESCE(EXTRACT(epoch FROM (now() - min(o.created_at))), (0)::numeric))::numeric(20,3) AS "coalesce"
                   FROM analytics_outbox o) AS "coalesce",
            's'::text,
            180,
            900
        UNION ALL
         SELECT 'events overdue'::text,
            ( SELECT (COALESCE(EXTRACT(epoch FROM (now() - min(e.next_attempt_at))), (0)::numeric))::numeric(20,3) AS "coalesce"
                   FROM events e
                  WHERE (e.next_attempt_at < now())) AS "coalesce",
            's'::text,
            300,
            1800
        UNION ALL
         SELECT 'deliveries overdue'::text,
            ( SELECT (COALESCE(EXTRACT(epoch FROM (now() - min(d.next_attempt_at))), (0)::numeric))::numeric(20,3) AS "coalesce"
                   FROM event_deliveries d
                  WHERE (d.next_attempt_at < now())) AS "coalesce",
            's'::text,
            300,
            1800
        UNION ALL
         SELECT 'events given up within a day'::text,
            ( SELECT count(*) AS count
                   FROM events e
                  WHERE (((e.status)::text = 'dead_letter'::text) AND (e.received_at > (now() - '1 day'::interval)))) AS count,
            'events'::text,
            1,
            100
        UNION ALL
         SELECT ('failures in a row of '::text || (j.job)::text),
            j.consecutive_failures,
            'runs'::text,
            1,
            3
           FROM job_states j
        UNION ALL
         SELECT 'open critical alerts'::text,
            ( SELECT count(*) AS count
                   FROM critical_alerts) AS count,
            'alerts'::text,
            1,
            1
        )
 SELECT component,
        CASE
            WHEN (value IS NULL) THEN 'unknown'::text
            WHEN (value >= critical) THEN 'critical'::text
            WHEN (value >= warning) THEN 'warning'::text
            ELSE 'ok'::text
        END AS status,
    value,
    unit,
    warning,
    critical
   FROM facts;

create view table_access_patterns as
 WITH tables AS (
         SELECT (COALESCE(pg_partition_root((s.relid)::regclass), (s.relid)::regclass))::text AS table_name,
            sum(s.seq_scan) AS sequential_scans,
            sum(s.seq_tup_read) AS sequential_rows,
            sum(COALESCE(s.idx_scan, (0)::bigint)) AS index_scans,
            sum(s.n_live_tup) AS live_rows,
            sum(s.n_dead_tup) AS dead_rows,
            sum(s.n_tup_ins) AS inserted,
            sum(s.n_tup_upd) AS updated,
            sum(s.n_tup_del) AS deleted,
            sum(s.n_tup_hot_upd) AS updated_in_place,
            sum(pg_total_relation_size((s.relid)::regclass)) AS total_bytes,
            max(GREATEST(s.last_vacuum, s.last_autovacuum)) AS last_vacuum,
            max(GREATEST(s.last_analyze, s.last_autoanalyze)) AS last_analyze
           FROM pg_stat_user_tables s
          WHERE (s.schemaname = 'public'::name)
          GROUP BY (COALESCE(pg_partition_root((s.relid)::regclass), (s.relid)::regclass))::text
        )
 SELECT table_name,
    sequential_scans,
    sequential_rows,
    index_scans,
    live_rows,
    dead_rows,
    inserted,
    updated,
    deleted,
    updated_in_place,
    total_bytes,
    last_vacuum,
    last_analyze,
    round(((100.0 * index_scans) / NULLIF((index_scans + sequential_scans), (0)::numeric)), 1) AS index_scan_percent,
    round(((100.0 * dead_rows) / NULLIF((live_rows + dead_rows), (0)::numeric)), 1) AS dead_row_percent,
        CASE
            WHEN ((live_rows > (10000)::numeric) AND (sequential_scans > index_scans) AND (sequential_rows > ((10)::numeric * live_rows))) THEN 'Consider adding indexes: it is mostly read from one end to the other'::text
            WHEN (((live_rows + dead_rows) > (10000)::numeric) AND (dead_rows > (0.2 * (live_rows + dead_rows)))) THEN 'Vacuum it: more than a fifth of its rows are dead'::text
            WHEN ((live_rows > (10000)::numeric) AND (last_analyze IS NULL)) THEN 'Analyze it: the planner knows nothing of it'::text
            ELSE 'Nothing to do'::text
        END AS recommendation
   FROM tables t
  ORDER BY total_bytes DESC;

CREATE UNIQUE INDEX idx_alerts_open ON public.alerts USING btree (rule, subject) WHERE (closed_at IS NULL);

CREATE INDEX idx_alerts_opened_at ON public.alerts USING btree (opened_at DESC);

CREATE INDEX idx_analytics_outbox_batch ON public.analytics_outbox USING btree (batch) WHERE (batch IS NOT NULL);

CREATE INDEX idx_api_keys_organization ON public.api_keys USING btree (organization_id, created_at DESC);

CREATE INDEX idx_api_keys_user_id ON public.api_keys USING btree (organization_id, user_id);

CREATE INDEX idx_audit_logs_action ON public.audit_logs USING btree (organization_id, action, created_at DESC);

CREATE INDEX idx_audit_logs_organization ON public.audit_logs USING btree (organization_id, created_at DESC);

CREATE INDEX idx_audit_logs_resource ON public.audit_logs USING btree (organization_id, resource_type, resource_id);

CREATE INDEX idx_audit_logs_user_id ON public.audit_logs USING btree (user_id);

CREATE INDEX idx_batch_id ON ONLY public.command_executions USING btree (organization_id, batch_id) WHERE (batch_id IS NOT NULL);

CREATE INDEX idx_command_args_gin ON ONLY public.command_executions USING gin (command_args jsonb_path_ops) WITH (fastupdate='on', gin_pending_list_limit='1024');

CREATE INDEX idx_command_base ON ONLY public.command_executions USING btree (organization_id, command_base, "timestamp" DESC);

CREATE INDEX idx_command_executions_updated_at ON ONLY public.command_executions USING brin (updated_at) WITH (pages_per_range='32');

CREATE INDEX idx_command_features_gin ON ONLY public.command_executions USING gin (command_features jsonb_path_ops) WITH (fastupdate='on', gin_pending_list_limit='1024');

CREATE INDEX idx_command_patterns_base ON public.command_patterns USING btree (organization_id, command_base);

CREATE INDEX idx_deployment_events_deployment ON ONLY public.deployment_events USING btree (organization_id, provider, deployment_id);

CREATE INDEX idx_deployment_events_environment ON ONLY public.deployment_events USING btree (organization_id, environment, state, received_at DESC);

CREATE INDEX idx_deployment_events_sha ON ONLY public.deployment_events USING btree (organization_id, sha) WHERE (sha IS NOT NULL);

CREATE INDEX idx_deployment_records_ended ON public.deployment_records USING btree (organization_id, finished_at) WHERE ((state)::text = ANY ((ARRAY['success'::character varying, 'inactive'::character varying])::text[]));

CREATE INDEX idx_deployment_records_environment ON public.deployment_records USING btree (organization_id, environment, started_at DESC);

CREATE INDEX idx_deployment_records_repository ON public.deployment_records USING btree (organization_id, repository, started_at DESC);

CREATE INDEX idx_deployment_records_sha ON public.deployment_records USING btree (organization_id, sha) WHERE (sha IS NOT NULL);

CREATE INDEX idx_event_content_keys_received_at ON public.event_content_keys USING brin (received_at) WITH (pages_per_range='32');

CREATE INDEX idx_event_deliveries_dead ON ONLY public.event_deliveries USING btree (created_at DESC) WHERE ((status)::text = 'dead_letter'::text);

CREATE INDEX idx_event_deliveries_due ON ONLY public.event_deliveries USING btree (next_attempt_at) WHERE (next_attempt_at IS NOT NULL);

CREATE INDEX idx_event_deliveries_subscription ON ONLY public.event_deliveries USING btree (organization_id, subscription_id, created_at DESC);

CREATE INDEX idx_event_keys_received_at ON public.event_keys USING brin (received_at) WITH (pages_per_range='32');

CREATE INDEX idx_event_source_secrets_source ON public.event_source_secrets USING btree (organization_id, source_id);

CREATE INDEX idx_event_subscriptions_active ON public.event_subscriptions USING btree (organization_id) WHERE is_active;

CREATE INDEX idx_events_due ON ONLY public.events USING btree (next_attempt_at) WHERE (next_attempt_at IS NOT NULL);

CREATE INDEX idx_events_received ON ONLY public.events USING btree (organization_id, received_at DESC);

CREATE INDEX idx_events_trouble ON ONLY public.events USING btree (organization_id, status, received_at DESC) WHERE ((status)::text = ANY ((ARRAY['failed'::character varying, 'dead_letter'::character varying, 'ignored'::character varying])::text[]));

CREATE INDEX idx_events_type ON ONLY public.events USING btree (organization_id, event_type, received_at DESC);

CREATE INDEX idx_github_events_event ON ONLY public.github_events USING btree (organization_id, event, action, received_at DESC);

CREATE INDEX idx_github_events_head_sha ON ONLY public.github_events USING btree (organization_id, head_sha) WHERE (head_sha IS NOT NULL);

CREATE INDEX idx_github_events_repository ON ONLY public.github_events USING btree (organization_id, repository, received_at DESC);

CREATE INDEX idx_ingest_keys_seen_at ON public.ingest_keys USING brin (seen_at) WITH (pages_per_range='32');

CREATE INDEX idx_job_runs_job ON public.job_runs USING btree (job, id DESC);

CREATE INDEX idx_linear_events_entity ON ONLY public.linear_events USING btree (organization_id, entity_id, received_at DESC);

CREATE INDEX idx_linear_events_team ON ONLY public.linear_events USING btree (organization_id, team_key, received_at DESC);

CREATE INDEX idx_linear_events_type ON ONLY public.linear_events USING btree (organization_id, type, action, received_at DESC);

CREATE INDEX idx_pattern_daily_rollups_day ON public.pattern_daily_rollups USING btree (day);

CREATE INDEX idx_project_repositories_repository ON public.project_repositories USING btree (organization_id, repository_id);

CREATE INDEX idx_repositories_full_name ON public.repositories USING btree (organization_id, full_name);

CREATE INDEX idx_repository_commits_committed_at ON public.repository_commits USING btree (organization_id, committed_at DESC);

CREATE INDEX idx_retention_archives_month ON public.retention_archives USING btree (month);

CREATE UNIQUE INDEX idx_retention_archives_open ON public.retention_archives USING btree (month) WHERE ((state)::text = ANY ((ARRAY['early'::character varying, 'detached'::character varying, 'archived'::character varying])::text[]));

CREATE INDEX idx_retention_runs_started_at ON public.retention_runs USING btree (started_at DESC);

CREATE INDEX idx_slack_events_channel ON ONLY public.slack_events USING btree (organization_id, channel_id, received_at DESC);

CREATE INDEX idx_slack_events_event ON ONLY public.slack_events USING btree (organization_id, event, subtype, received_at DESC);

CREATE INDEX idx_slack_events_user ON ONLY public.slack_events USING btree (organization_id, user_id, received_at DESC);

CREATE INDEX idx_status ON ONLY public.command_executions USING btree (organization_id, status, "timestamp" DESC) WHERE ((status)::text <> 'completed'::text);

CREATE INDEX idx_timestamp ON ONLY public.command_executions USING btree (organization_id, "timestamp" DESC);

CREATE INDEX idx_tracked_items_head_sha ON public.tracked_items USING btree (organization_id, head_sha) WHERE (head_sha IS NOT NULL);

CREATE INDEX idx_tracked_items_linear_issues ON public.tracked_items USING btree (organization_id, identifier) WHERE (((source)::text = 'linear'::text) AND ((kind)::text = 'issue'::text));

CREATE INDEX idx_tracked_items_pull_requests ON public.tracked_items USING btree (organization_id, repository_id, number) WHERE (((source)::text = 'github'::text) AND ((kind)::text = 'pull_request'::text));

CREATE INDEX idx_tracked_items_repository ON public.tracked_items USING btree (organization_id, repository, kind, version_time DESC);

CREATE INDEX idx_users_created_at ON public.users USING btree (created_at);

CREATE INDEX idx_users_oauth ON public.users USING btree (oauth_provider, oauth_id) WHERE (oauth_id IS NOT NULL);

CREATE TRIGGER update_alert_rules_updated_at BEFORE UPDATE ON public.alert_rules FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TRIGGER mark_changed_execution AFTER UPDATE ON public.command_executions FOR EACH ROW WHEN (((old.status)::text <> 'pending'::text)) EXECUTE FUNCTION mark_changed_execution();

CREATE TRIGGER mark_deleted_executions AFTER DELETE ON public.command_executions REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION mark_deleted_executions();

CREATE TRIGGER update_event_sources_updated_at BEFORE UPDATE ON public.event_sources FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TRIGGER update_event_types_updated_at BEFORE UPDATE ON public.event_types FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TRIGGER update_organizations_updated_at BEFORE UPDATE ON public.organizations FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TRIGGER update_retention_policies_updated_at BEFORE UPDATE ON public.retention_policies FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TRIGGER update_users_updated_at BEFORE UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

alter table alert_conditions enable row level security;

alter table alert_recipients enable row level security;

alter table alert_rules enable row level security;

alter table alerts enable row level security;

alter table analytics_outbox enable row level security;

alter table api_keys enable row level security;

alter table audit_logs enable row level security;

alter table command_executions enable row level security;

alter table command_patterns enable row level security;

alter table daily_command_stats enable row level security;

alter table deployment_events enable row level security;

alter table deployment_records enable row level security;

alter table event_content_keys enable row level security;

alter table event_deliveries enable row level security;

alter table event_keys enable row level security;

alter table event_processing_logs enable row level security;

alter table event_source_secrets enable row level security;

alter table event_sources enable row level security;

alter table event_subscriptions enable row level security;

alter table event_types enable row level security;

alter table events enable row level security;

alter table github_events enable row level security;

alter table health_samples enable row level security;

alter table ingest_keys enable row level security;

alter table insight_findings enable row level security;

alter table job_runs enable row level security;

alter table job_states enable row level security;

alter table linear_events enable row level security;

alter table organizations enable row level security;

alter table pattern_daily_rollups enable row level security;

alter table pattern_dirty_days enable row level security;

alter table pattern_frozen_days enable row level security;

alter table pattern_state enable row level security;

alter table prediction_levels enable row level security;

alter table prediction_models enable row level security;

alter table prediction_state enable row level security;

alter table project_repositories enable row level security;

alter table projects enable row level security;

alter table rejected_requests enable row level security;

alter table repositories enable row level security;

alter table repository_branches enable row level security;

alter table repository_commits enable row level security;

alter table repository_names enable row level security;

alter table retention_archives enable row level security;

alter table retention_counts enable row level security;

alter table retention_policies enable row level security;

alter table retention_runs enable row level security;

alter table slack_events enable row level security;

alter table tracked_items enable row level security;

alter table users enable row level security;

create policy system_jobs on alert_conditions as permissive for all to netra_system using true with check true;

create policy system_jobs on alert_recipients as permissive for select to netra_system using true;

create policy tenant_reads on alert_recipients as permissive for select to netra_app using (organization_id = current_organization_id());

create policy system_jobs on alert_rules as permissive for select to netra_system using true;

create policy system_jobs on alerts as permissive for all to netra_system using true with check true;

create policy system_jobs on analytics_outbox as permissive for all to netra_system using true with check true;

create policy tenant_isolation on analytics_outbox as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy tenant_isolation on api_keys as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy tenant_isolation on audit_logs as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on command_executions as permissive for select to netra_system using true;

create policy tenant_adds on command_executions as permissive for insert to netra_app with check (organization_id = current_organization_id());

create policy tenant_completes on command_executions as permissive for update to netra_app using ((organization_id = current_organization_id()) AND ((status)::text = 'pending'::text)) with check (organization_id = current_organization_id());

create policy tenant_reads on command_executions as permissive for select to netra_app using (organization_id = current_organization_id());

create policy system_jobs on command_patterns as permissive for all to netra_system using true with check true;

create policy tenant_isolation on command_patterns as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on daily_command_stats as permissive for all to netra_system using true with check true;

create policy tenant_isolation on daily_command_stats as permissive for select to netra_app using (organization_id = current_organization_id());

create policy system_jobs on deployment_events as permissive for all to netra_system using true with check true;

create policy tenant_isolation on deployment_events as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on deployment_records as permissive for all to netra_system using true with check true;

create policy tenant_isolation on deployment_records as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on event_content_keys as permissive for all to netra_system using true with check true;

create policy tenant_isolation on event_content_keys as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on event_deliveries as permissive for all to netra_system using true with check true;

create policy tenant_isolation on event_deliveries as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on event_keys as permissive for all to netra_system using true with check true;

create policy tenant_isolation on event_keys as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on event_processing_logs as permissive for all to netra_system using true with check true;

create policy tenant_isolation on event_processing_logs as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy tenant_isolation on event_source_secrets as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on event_sources as permissive for all to netra_system using true with check true;

create policy tenant_reads on event_sources as permissive for select to netra_app using (organization_id = current_organization_id());

create policy system_jobs on event_subscriptions as permissive for all to netra_system using true with check true;

create policy tenant_isolation on event_subscriptions as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on event_types as permissive for select to netra_system using true;

create policy tenant_reads on event_types as permissive for select to netra_app using ((organization_id IS NULL) OR (organization_id = current_organization_id()));

create policy system_jobs on events as permissive for all to netra_system using true with check true;

create policy tenant_isolation on events as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on github_events as permissive for all to netra_system using true with check true;

create policy tenant_isolation on github_events as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on health_samples as permissive for all to netra_system using true with check true;

create policy system_jobs on ingest_keys as permissive for all to netra_system using true with check true;

create policy tenant_isolation on ingest_keys as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on insight_findings as permissive for select to netra_system using true;

create policy tenant_isolation on insight_findings as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on job_runs as permissive for select to netra_system using true;

create policy system_jobs on job_states as permissive for select to netra_system using true;

create policy system_jobs on linear_events as permissive for all to netra_system using true with check true;

create policy tenant_isolation on linear_events as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on organizations as permissive for select to netra_system using true;

create policy tenant_isolation on organizations as permissive for select to netra_app using (id = current_organization_id());

create policy system_jobs on pattern_daily_rollups as permissive for all to netra_system using true with check true;

create policy tenant_isolation on pattern_daily_rollups as permissive for select to netra_app using (organization_id = current_organization_id());

create policy system_jobs on pattern_dirty_days as permissive for all to netra_system using true with check true;

create policy tenant_isolation on pattern_dirty_days as permissive for select to netra_app using (organization_id = current_organization_id());

create policy system_jobs on pattern_frozen_days as permissive for select to netra_system using true;

create policy tenant_reads on pattern_frozen_days as permissive for select to netra_app using (organization_id = current_organization_id());

create policy system_jobs on pattern_state as permissive for all to netra_system using true with check true;

create policy system_jobs on prediction_levels as permissive for all to netra_system using true with check true;

create policy tenant_isolation on prediction_levels as permissive for select to netra_app using (organization_id = current_organization_id());

create policy system_jobs on prediction_models as permissive for all to netra_system using true with check true;

create policy tenant_isolation on prediction_models as permissive for select to netra_app using (organization_id = current_organization_id());

create policy system_jobs on prediction_state as permissive for all to netra_system using true with check true;

create policy system_jobs on project_repositories as permissive for all to netra_system using true with check true;

create policy tenant_isolation on project_repositories as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on projects as permissive for all to netra_system using true with check true;

create policy tenant_isolation on projects as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on rejected_requests as permissive for all to netra_system using true with check true;

create policy tenant_reads on rejected_requests as permissive for select to netra_app using (organization_id = current_organization_id());

create policy system_jobs on repositories as permissive for all to netra_system using true with check true;

create policy tenant_isolation on repositories as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on repository_branches as permissive for all to netra_system using true with check true;

create policy tenant_isolation on repository_branches as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on repository_commits as permissive for all to netra_system using true with check true;

create policy tenant_isolation on repository_commits as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on repository_names as permissive for all to netra_system using true with check true;

create policy tenant_isolation on repository_names as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on retention_archives as permissive for all to netra_system using true with check true;

create policy system_jobs on retention_counts as permissive for all to netra_system using true with check true;

create policy tenant_reads on retention_counts as permissive for select to netra_app using (organization_id = current_organization_id());

create policy system_jobs on retention_policies as permissive for select to netra_system using true;

create policy tenant_reads on retention_policies as permissive for select to netra_app using ((organization_id IS NULL) OR (organization_id = current_organization_id()));

create policy system_jobs on retention_runs as permissive for all to netra_system using true with check true;

create policy system_jobs on slack_events as permissive for all to netra_system using true with check true;

create policy tenant_isolation on slack_events as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on tracked_items as permissive for all to netra_system using true with check true;

create policy tenant_isolation on tracked_items as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy tenant_isolation on users as permissive for select to netra_app using (organization_id = current_organization_id());

grant usage on schema public to netra_app;

grant usage on schema public to netra_system;

grant delete, insert, select, update on alert_conditions to netra_system;

grant select on alert_recipients to netra_app;

grant select on alert_recipients to netra_system;

grant select on alert_rules to netra_system;

grant delete, insert, select, update on alerts to netra_system;

grant usage on analytics_batch to netra_system;

grant delete, select, update on analytics_outbox to netra_system;

grant insert, select on analytics_outbox to netra_app;

grant select on analytics_performance_analysis to netra_system;

grant insert, select on audit_logs to netra_app;

grant insert, select, update on command_executions to netra_app;

grant select on command_executions to netra_system;

grant delete, insert, select, update on command_patterns to netra_system;

grant select on command_patterns to netra_app;

grant select on critical_alerts to netra_system;

grant delete, insert, select, update on daily_command_stats to netra_system;

grant select on data_integrity_checks to netra_system;

grant select on data_quality_metrics to netra_system;

grant select on database_health_summary to netra_system;

grant select on database_resource_utilization to netra_system;

grant select on deliveries_performance_analysis to netra_system;

grant delete, select, update on deployment_events to netra_system;

grant insert, select, update on deployment_events to netra_app;

grant delete, select, update on deployment_records to netra_system;

grant insert, select, update on deployment_records to netra_app;

grant delete, select on event_content_keys to netra_system;

grant insert, select on event_content_keys to netra_app;

grant delete, select, update on event_deliveries to netra_system;

grant insert, select, update on event_deliveries to netra_app;

grant delete, select on event_keys to netra_system;

grant insert, select on event_keys to netra_app;

grant delete, select on event_processing_logs to netra_system;

grant insert, select on event_processing_logs to netra_app;

grant select on event_source_secrets to netra_app;

grant select on event_sources to netra_app;

grant select on event_sources to netra_system;

grant delete, select, update on event_subscriptions to netra_system;

grant insert, select, update on event_subscriptions to netra_app;

grant select on event_types to netra_app;

grant select on event_types to netra_system;

grant delete, select, update on events to netra_system;

grant insert, select, update on events to netra_app;

grant select on events_performance_analysis to netra_system;

grant select on executions_performance_analysis to netra_system;

grant delete, select, update on github_events to netra_system;

grant insert, select, update on github_events to netra_app;

grant delete, insert, select on health_samples to netra_system;

grant select on index_usage_analysis to netra_system;

grant delete, select on ingest_keys to netra_system;

grant insert, select on ingest_keys to netra_app;

grant insert, select, update on insight_findings to netra_app;

grant select on insight_findings to netra_system;

grant select on job_runs to netra_system;

grant select on job_states to netra_system;

grant select on jobs_performance_analysis to netra_system;

grant delete, select, update on linear_events to netra_system;

grant insert, select, update on linear_events to netra_app;

grant select on maintenance_recommendations to netra_system;

grant select on organization_daily_command_stats to netra_app;

grant select on organizations to netra_app;

grant select on organizations to netra_system;

grant delete, insert, select, update on pattern_daily_rollups to netra_system;

grant select on pattern_daily_rollups to netra_app;

grant delete, insert, select on pattern_dirty_days to netra_system;

grant select on pattern_frozen_days to netra_app;

grant select on pattern_frozen_days to netra_system;

grant delete, insert, select, update on pattern_state to netra_system;

grant select on patterns_performance_analysis to netra_system;

grant select on performance_optimization_recommendations to netra_system;

grant delete, insert, select, update on prediction_levels to netra_system;

grant select on prediction_levels to netra_app;

grant delete, insert, select, update on prediction_models to netra_system;

grant delete, insert, select, update on prediction_state to netra_system;

grant delete, select, update on project_repositories to netra_system;

grant insert, select, update on project_repositories to netra_app;

grant delete, select, update on projects to netra_system;

grant insert, select, update on projects to netra_app;

grant delete, insert, select, update on rejected_requests to netra_system;

grant select on rejected_requests to netra_app;

grant delete, select, update on repositories to netra_system;

grant insert, select, update on repositories to netra_app;

grant delete, select, update on repository_branches to netra_system;

grant insert, select, update on repository_branches to netra_app;

grant delete, select, update on repository_commits to netra_system;

grant insert, select, update on repository_commits to netra_app;

grant delete, select, update on repository_names to netra_system;

grant insert, select, update on repository_names to netra_app;

grant insert, select, update on retention_archives to netra_system;

grant insert, select, update on retention_counts to netra_system;

grant select on retention_counts to netra_app;

grant select on retention_policies to netra_app;

grant select on retention_policies to netra_system;

grant insert, select, update on retention_runs to netra_system;

grant delete, select, update on slack_events to netra_system;

grant insert, select, update on slack_events to netra_app;

grant select on slow_query_analysis to netra_system;

grant select on system_health to netra_system;

grant select on table_access_patterns to netra_system;

grant delete, select, update on tracked_items to netra_system;

grant insert, select, update on tracked_items to netra_app;

grant select (created_at, expires_at, id, is_active, key_prefix, last_used_at, name, organization_id, revoked_at, scopes, user_id) on api_keys to netra_app;

grant update (last_used_at) on api_keys to netra_app;

grant update (last_matched_at) on event_source_secrets to netra_app;

grant update (reconcile_state, reconciled_at) on event_sources to netra_system;

grant select (executions, last_ended_at, models, organization_id, updated_at, version) on prediction_models to netra_app;

grant select (created_at, email, id, is_active, last_login_at, name, organization_id, role) on users to netra_app;

grant execute on function add_archive_rows(first_day date, columns text[], archived_rows jsonb) to netra_system;

grant execute on function applied_migrations() to netra_system;

grant execute on function archive_tables(first_day date) to netra_system;

grant execute on function attach_executions_month(first_day date, hold timestamp with time zone) to netra_system;

grant execute on function check_subscription_match(wanted_event uuid, wanted_subscription uuid) to public;

grant execute on function cleanup_expired_context_data(rows_max integer) to netra_system;

grant execute on function cleanup_old_events(events_max integer) to netra_system;

grant execute on function close_organization(organization uuid) to netra_system;

grant execute on function count_archive_rows(name text) to netra_system;

grant execute on function count_past_rows(name text, organizations uuid[], befores timestamp with time zone[], other timestamp with time zone) to netra_system;

grant execute on function count_tenant_rows(schema_name text, table_name text, organization uuid) to netra_system;

grant execute on function current_organization_id() to public;

grant execute on function database_replicas() to netra_system;

grant execute on function database_sessions() to netra_system;

grant execute on function delete_archive_rows(name text, organization uuid, rows_max integer) to netra_system;

grant execute on function delete_past_rows(name text, organization uuid, until timestamp with time zone, rows_max integer) to netra_system;

grant execute on function detach_executions_month(first_day date) to netra_system;

grant execute on function drop_archive_tables(archive_id uuid, new_state text) to netra_system;

grant execute on function drop_event_month(parent text, first_day date, until timestamp with time zone) to netra_system;

grant execute on function early_executions_obstacle(first_day date, organization uuid, until timestamp with time zone) to netra_system;

grant execute on function ensure_command_executions_partition(moment timestamp with time zone) to netra_app;

grant execute on function ensure_command_executions_partition(moment timestamp with time zone) to netra_system;

grant execute on function ensure_event_partition(parent text, moment timestamp with time zone) to netra_app;

grant execute on function ensure_event_partition(parent text, moment timestamp with time zone) to netra_system;

grant execute on function erase_organization_row(organization uuid) to netra_system;

grant execute on function erase_sealed_rows(organization uuid) to netra_system;

grant execute on function erase_tenant_rows(schema_name text, table_name text, organization uuid, rows_max integer) to netra_system;

grant execute on function event_condition_holds(payload jsonb, condition jsonb) to public;

grant execute on function event_condition_is_valid(condition jsonb) to public;

grant execute on function event_matches(e events, s event_subscriptions) to public;

grant execute on function event_name_matches(name text, pattern text) to public;

grant execute on function executions_month_obstacle(first_day date) to netra_system;

grant execute on function expiring_secrets() to netra_system;

grant execute on function find_api_key(hash bytea) to netra_app;

grant execute on function find_event_source(wanted_endpoint text) to netra_app;

grant execute on function list_archive_columns(name text) to netra_system;

grant execute on function list_tenant_tables() to netra_system;

grant execute on function mark_pattern_days_dirty(organization uuid, first_day date, last_day date) to netra_system;

grant execute on function months_ahead() to netra_system;

grant execute on function note_retention(organization uuid, what text, about text, details jsonb) to netra_system;

grant execute on function oldest_transaction_start() to netra_system;

grant execute on function pattern_server() to netra_system;

grant execute on function prediction_evidence(organization uuid, learner_version smallint, hashes bytea[]) to netra_app;

grant execute on function process_pending_deliveries(deliveries_max integer) to netra_system;

grant execute on function process_pending_events(events_max integer) to netra_system;

grant execute on function publish_alert_event(alert alerts, action text) to netra_system;

grant execute on function read_archive_rows(name text, organization uuid, after_id uuid, after_time timestamp with time zone, rows_max integer) to netra_system;

grant execute on function record_job_run(job text, duration_ms bigint, outcome text, counts jsonb, error_class text, keeps boolean) to netra_app;

grant execute on function record_job_run(job text, duration_ms bigint, outcome text, counts jsonb, error_class text, keeps boolean) to netra_system;

grant execute on function refresh_daily_command_stats() to netra_system;

grant execute on function remove_executions_early(first_day date, organization uuid, until timestamp with time zone, keep boolean, rows_max integer) to netra_system;

grant execute on function repository_key(told text) to public;

grant execute on function retention_cutoffs(at timestamp with time zone) to netra_system;

grant execute on function retention_time_column(name text) to public;

grant execute on function statement_statistics() to netra_system;

grant execute on function summarize_ingest_keys() to netra_system;

grant execute on function summarize_updated_executions() to netra_system;

grant execute on function update_updated_at_column() to public;
