-- How long things are kept, what became of what went, and the proof of it. Months of executions leave the ledger whole and
-- stand in the schema `archive`, where nobody but the owner reads them.
set local lock_timeout = '5s';

create schema archive;

-- Without an organization it is the default. A target is a kind of data, in one database or in both.
create table retention_policies (
  organization_id uuid references organizations (id) on delete cascade,
  target varchar(40) not null check (
    target in (
      'executions', 'audit_logs', 'event_processing_logs', 'event_keys', 'ingest_keys', 'rejected_requests',
      'aggregated_metrics', 'workload_events', 'user_activity'
    )
  ),
  keep_days integer not null check (keep_days between 1 and 36500),
  -- What becomes of executions past their days; everything else is deleted.
  action varchar(10) not null default 'delete' check (action in ('archive', 'delete')),
  updated_at timestamptz not null default current_timestamp,
  unique nulls not distinct (organization_id, target),
  check (action = 'delete' or target = 'executions'),
  -- Keys keep repeats harmless over all organizations alike; a retry may come for weeks.
  check (target not in ('event_keys', 'ingest_keys') or organization_id is null and keep_days >= 7)
);

insert into retention_policies (target, keep_days, action) values
  ('executions', 90, 'archive'),
  ('audit_logs', 730, 'delete'),
  ('event_processing_logs', 30, 'delete'),
  ('event_keys', 730, 'delete'),
  ('ingest_keys', 60, 'delete'),
  ('rejected_requests', 90, 'delete'),
  ('aggregated_metrics', 365, 'delete'),
  ('workload_events', 90, 'delete'),
  ('user_activity', 183, 'delete');

create trigger update_retention_policies_updated_at before update on retention_policies
  for each row execute function update_updated_at_column();

alter table retention_policies enable row level security;
create policy tenant_reads on retention_policies for select to netra_app
  using (organization_id is null or organization_id = current_organization_id());
create policy system_jobs on retention_policies for select to netra_system using (true);
grant select on retention_policies to netra_app, netra_system;

-- One row for each run, restore and erasure; what went where is in `outcome`. It outlives an organization that was erased,
-- of which it names nothing but the id.
create table retention_runs (
  id bigint generated always as identity primary key,
  kind varchar(10) not null check (kind in ('run', 'restore', 'erase')),
  subject_id uuid,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  state varchar(20) not null default 'running' check (state in ('running', 'done', 'incomplete', 'failed', 'cut_off')),
  -- The moment the days were counted back from.
  counted_from timestamptz not null,
  step varchar(500),
  outcome jsonb not null default '{}'
);

create index idx_retention_runs_started_at on retention_runs (started_at desc);
alter table retention_runs enable row level security;
create policy system_jobs on retention_runs to netra_system using (true) with check (true);
grant select, insert, update on retention_runs to netra_system;

-- The proof: what was past its days before and after, for each table and organization of either database.
create table retention_counts (
  run_id bigint not null references retention_runs (id) on delete cascade,
  store varchar(20) not null check (store in ('postgres', 'clickhouse')),
  table_name varchar(100) not null,
  organization_id uuid not null,
  -- Null where it is told by the type of each event.
  before timestamptz,
  past_rows_before bigint not null,
  past_rows_after bigint,
  created_at timestamptz not null default current_timestamp,
  primary key (run_id, store, table_name, organization_id)
);

alter table retention_counts enable row level security;
create policy tenant_reads on retention_counts for select to netra_app
  using (organization_id = current_organization_id());
create policy system_jobs on retention_counts to netra_system using (true) with check (true);
grant select on retention_counts to netra_app;
grant select, insert, update on retention_counts to netra_system;

-- What left the ledger. `early`: rows of organizations with shorter days went ahead of the month. `detached`: the month is
-- out. `archived`: and the analytics copy of it is gone. `exported`: in files that were read back. `dropped`: nothing was to
-- be kept. `restored`: back in the ledger until `held_until`.
create table retention_archives (
  id uuid primary key default gen_random_uuid(),
  month date not null check (month = date_trunc('month', month)),
  state varchar(20) not null check (state in ('early', 'detached', 'archived', 'exported', 'dropped', 'restored')),
  -- Where the manifest is, or will be: it stands here before the first file is written.
  location varchar(1000),
  manifest_sha256 bytea,
  row_count bigint,
  held_until timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp()
);

create unique index idx_retention_archives_open on retention_archives (month)
  where state in ('early', 'detached', 'archived');
create index idx_retention_archives_month on retention_archives (month);
alter table retention_archives enable row level security;
create policy system_jobs on retention_archives to netra_system using (true) with check (true);
grant select, insert, update on retention_archives to netra_system;

-- Roll-ups outlive their executions. Those of days before are final: counting them anew would find nothing and take them
-- away. What arrives late is still added to them.
create table pattern_frozen_days (
  organization_id uuid primary key,
  before date not null
);

alter table pattern_frozen_days enable row level security;
create policy tenant_reads on pattern_frozen_days for select to netra_app
  using (organization_id = current_organization_id());
create policy system_jobs on pattern_frozen_days for select to netra_system using (true);
grant select on pattern_frozen_days to netra_app, netra_system;

/* The days that apply to each organization and target, and from which moment on things are kept, counted back from `at`.
   What is in monthly partitions goes by whole months for those who keep it longest, so that a month is dropped and not
   deleted from; others lose their days one by one. Roll-ups stay as long as the executions they were made of. The row
   without an organization is for what belongs to none. */
create function retention_cutoffs(at timestamptz)
  returns table (organization_id uuid, target text, keep_days integer, action text, before timestamptz)
  language sql stable
  set timezone = 'UTC'
  begin atomic
    with effective as (
      select o.id, d.target, coalesce(p.keep_days, d.keep_days) as days, coalesce(p.action, d.action) as action
      from (select id from organizations union all select null::uuid) o
        cross join (select * from retention_policies where organization_id is null) d
        left join retention_policies p on p.organization_id = o.id and p.target = d.target
    ), longest as (
      select target, max(days) as days from effective where id is not null or not exists (select from organizations) group by target
    ), cut as (
      select e.id, e.target, e.days, e.action, case
        when e.days >= l.days and e.target in ('executions', 'event_processing_logs', 'workload_events', 'aggregated_metrics', 'user_activity')
          then date_trunc('month', at - make_interval(days => e.days))
        else date_trunc('day', at - make_interval(days => e.days)) end as before
      from effective e join longest l on l.target = e.target
    )
    select c.id, c.target::text, c.days, c.action::text,
      case when c.target = 'aggregated_metrics' then least(c.before, x.before) else c.before end
    from cut c left join cut x on x.id is not distinct from c.id and x.target = 'executions';
  end;

/* Names this server and ledger: a snapshot of another one means nothing. The same text as the patterns function writes. */
create function pattern_server() returns text
  language sql stable security definer
  set search_path = public, pg_temp
as
$$
  select (select system_identifier::text from pg_control_system()) || '/' ||
    (select oid::text from pg_database where datname = current_database()) || '/' || 'command_executions'::regclass::oid::text
$$;

/* Why a month of executions cannot leave yet, or null: the relay has not delivered, or the patterns have not counted all of
   it. Rows written before `unseen_since` are counted. */
create function executions_month_obstacle(first_day date) returns text
  language plpgsql stable security definer
  set search_path = public, pg_temp
  set timezone = 'UTC'
  -- The block index tells within a few pages what was written lately; the month may be large and the ledger waits.
  set enable_seqscan = off
as
$$
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
$$;

/* The same for the executions of one organization from before `until` in a month. */
create function early_executions_obstacle(first_day date, organization uuid, until timestamptz) returns text
  language plpgsql stable security definer
  set search_path = public, pg_temp
  set timezone = 'UTC'
as
$$
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
$$;

/* Gives a table of the archive the columns of executions that came since it was made, with their defaults, and the rules:
   without them it cannot be attached. Rows that break a rule refuse it. */
create function align_archive_columns(name text) returns void
  language plpgsql security definer
  set search_path = public, pg_temp
as
$$
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
$$;

/* The columns of executions as a list for a statement. */
create function execution_columns() returns text
  language sql stable security definer
  set search_path = public, pg_temp
as
$$
  select string_agg(quote_ident(attname), ', ' order by attnum) from pg_attribute
  where attrelid = 'command_executions'::regclass and attnum > 0 and not attisdropped
$$;

/* What becomes of a row that is in the archive already: it stays, unless it was archived pending and has ended since. For an
   insert of these columns, quoted where they must be, into a table of the archive under the name `kept`. */
create function when_archived(columns text[]) returns text
  language sql immutable
  set search_path = public, pg_temp
as
$$
  select 'on conflict (organization_id, id, timestamp) do update set ' ||
    string_agg(format('%s = excluded.%s', name, name), ', ') || ' where kept.status = ''pending'''
  from unnest(columns) as name
$$;

/* Takes a month out of the ledger into the schema `archive` and makes the roll-ups of its days final. Returns `detached`,
   `absent` when there is no such month, or why it cannot leave yet; raises lock_not_available when others hold the ledger
   longer than a moment: come again. Everybody waits while it looks once more with the ledger locked, which takes milliseconds. */
create function detach_executions_month(first_day date) returns text
  language plpgsql security definer
  set search_path = public, pg_temp
  set lock_timeout = '200ms'
  set timezone = 'UTC'
as
$$
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
$$;

/* Roll-ups of the organization's days before `until` are final from now on. */
create function freeze_pattern_days(organization uuid, until date) returns void
  language sql security definer
  set search_path = public, pg_temp
as
$$
  insert into pattern_frozen_days as f (organization_id, before) values (organization, until)
  on conflict (organization_id) do update set before = excluded.before where f.before < excluded.before
$$;

/* Takes up to `rows_max` executions of one organization from before `until` out of one month, into the archive's `_early`
   table of that month or, with `keep` false, away altogether; only what is counted, and nothing at all while the copy of
   something of it is still to be delivered. Returns how many, or -1 while patterns are being counted. A direct delete from
   the partition: the days' roll-ups are made final, not marked. */
create function remove_executions_early(first_day date, organization uuid, until timestamptz, keep boolean, rows_max integer)
  returns integer
  language plpgsql security definer
  set search_path = public, pg_temp
  set lock_timeout = '2s'
  set timezone = 'UTC'
as
$$
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
$$;

/* The tables of the archive that hold a month. */
create function archive_tables(first_day date) returns setof text
  language sql stable security definer
  set search_path = public, pg_temp
as
$$
  select c.relname::text from pg_class c
  where c.relnamespace = 'archive'::regnamespace and c.relkind = 'r'
    and c.relname in ('command_executions_' || to_char(first_day, 'YYYY_MM'), 'command_executions_' || to_char(first_day, 'YYYY_MM') || '_early')
  order by 1
$$;

create function count_archive_rows(name text)
  returns table (organization_id uuid, row_count bigint, first_at timestamptz, last_at timestamptz)
  language plpgsql stable security definer
  set search_path = public, pg_temp
as
$$
begin
  return query execute format(
    'select organization_id, count(*), min(timestamp), max(timestamp) from archive.%I group by 1 order by 1', name
  );
end
$$;

/* Columns of an archived table and their types, in order. */
create function list_archive_columns(name text) returns table (column_name text, data_type text)
  language sql stable security definer
  set search_path = public, pg_temp
as
$$
  select a.attname::text, format_type(a.atttypid, null)
  from pg_attribute a
  where a.attrelid = to_regclass(format('archive.%I', name)) and a.attnum > 0 and not a.attisdropped
  order by a.attnum
$$;

/* Rows of one organization after a key, each as a JSON array of the texts of its columns. */
create function read_archive_rows(name text, organization uuid, after_id uuid, after_time timestamptz, rows_max integer)
  returns setof text
  language plpgsql stable security definer
  set search_path = public, pg_temp
  set timezone = 'UTC'
  set datestyle = 'ISO'
as
$$
declare
  list text;
begin
  select string_agg(format('%I::text', column_name), ', ') into list from list_archive_columns(name);
  return query execute format(
    'select json_build_array(%s)::text from archive.%I
     where organization_id = $1 and (id, timestamp) > ($2, $3) order by id, timestamp limit $4', list, name
  ) using organization, after_id, after_time, rows_max;
end
$$;

create function delete_archive_rows(name text, organization uuid, rows_max integer) returns bigint
  language plpgsql security definer
  set search_path = public, pg_temp
as
$$
declare
  gone bigint;
begin
  execute format(
    'delete from archive.%I where ctid = any (array(select ctid from archive.%I where organization_id = $1 limit $2))', name, name
  ) using organization, rows_max;
  get diagnostics gone = row_count;
  return gone;
end
$$;

/* Drops the archive's tables of a month that has been exported, or of which nobody keeps an archive, and says so of it. */
create function drop_archive_tables(archive_id uuid, new_state text) returns void
  language plpgsql security definer
  set search_path = public, pg_temp
as
$$
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
$$;

/* Puts rows read from files into the archive's table of their month again; those that are there stay. */
create function add_archive_rows(first_day date, columns text[], archived_rows jsonb) returns bigint
  language plpgsql security definer
  set search_path = public, pg_temp
  set timezone = 'UTC'
  set datestyle = 'ISO'
as
$$
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
$$;

/* Puts an archived month back into the ledger, until `hold` at least. Columns that came since get their defaults. */
create function attach_executions_month(first_day date, hold timestamptz) returns bigint
  language plpgsql security definer
  set search_path = public, pg_temp
  set lock_timeout = '2s'
  set timezone = 'UTC'
as
$$
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
$$;

/* The moment of each row of the tables that are kept by policy and deleted from, or null for any other table. */
create function retention_time_column(name text) returns text
  language sql immutable
  return case name
    when 'audit_logs' then 'created_at' when 'event_processing_logs' then 'started_at'
    when 'event_keys' then 'received_at' when 'event_content_keys' then 'received_at'
    when 'ingest_keys' then 'seen_at' when 'rejected_requests' then 'rejected_at'
    when 'pattern_daily_rollups' then 'day' when 'daily_command_stats' then 'day'
    when 'retention_counts' then 'created_at'
  end;

/* Rows before each organization's moment; `other` is for organizations that are not named and for what belongs to none, which
   is told under the zero UUID. The key of an execution that is still pending is never past: without it, an end with another
   timestamp would be stored beside it. */
create function count_past_rows(name text, organizations uuid[], befores timestamptz[], other timestamptz)
  returns table (organization_id uuid, row_count bigint)
  language plpgsql stable security definer
  set search_path = public, pg_temp
  set timezone = 'UTC'
as
$$
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
$$;

/* Deletes up to `rows_max` of them for one organization. Returns how many went. */
create function delete_past_rows(name text, organization uuid, until timestamptz, rows_max integer) returns bigint
  language plpgsql security definer
  set search_path = public, pg_temp
  set lock_timeout = '2s'
  set timezone = 'UTC'
as
$$
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
$$;

/* Drops a month of a table of events that has ended and holds nothing younger than `until`: of the tries, whatever is in
   it; of the others, only when it is empty. Returns the rows it held, or null when it stays. */
create function drop_event_month(parent text, first_day date, until timestamptz) returns bigint
  language plpgsql security definer
  set search_path = public, pg_temp
  set lock_timeout = '200ms'
  set timezone = 'UTC'
as
$$
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
$$;

/* Every table that holds rows of organizations, partitions one by one; the organizations themselves come last. */
create function list_tenant_tables() returns table (schema_name text, table_name text)
  language sql stable security definer
  set search_path = public, pg_temp
as
$$
  select n.nspname::text, c.relname::text
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
  where n.nspname in ('public', 'archive') and c.relkind = 'r' and a.attname = 'organization_id' and not a.attisdropped
  order by 1, 2
$$;

create function count_tenant_rows(schema_name text, table_name text, organization uuid) returns bigint
  language plpgsql stable security definer
  set search_path = public, pg_temp
as
$$
declare
  counted bigint;
begin
  execute format('select count(*) from %I.%I where organization_id = $1', schema_name, table_name) into counted using organization;
  return counted;
end
$$;

/* Erases up to `rows_max` rows of an organization whose keys have been revoked. Of what the relay has sealed nothing goes:
   a batch must stay as it is, or others' rows in it could be delivered twice. */
create function erase_tenant_rows(schema_name text, table_name text, organization uuid, rows_max integer) returns bigint
  language plpgsql security definer
  set search_path = public, pg_temp
  set lock_timeout = '5s'
as
$$
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
$$;

/* Erases sealed batches that hold nothing of others and that no relay works on. Returns how many rows of the organization
   are still sealed: those go when the relay has delivered what stands with them. */
create function erase_sealed_rows(organization uuid) returns bigint
  language plpgsql security definer
  set search_path = public, pg_temp
as
$$
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
$$;

/* Ends all that writes for an organization: its keys and its sources. */
create function close_organization(organization uuid) returns void
  language sql security definer
  set search_path = public, pg_temp
as
$$
  update api_keys set is_active = false, revoked_at = coalesce(revoked_at, now()) where organization_id = organization;
  update event_sources set status = 'disabled' where organization_id = organization;
  update event_subscriptions set is_active = false, disabled_reason = 'the organization is being erased' where organization_id = organization;
$$;

create function erase_organization_row(organization uuid) returns bigint
  language plpgsql security definer
  set search_path = public, pg_temp
as
$$
declare
  gone bigint;
begin
  delete from organizations where id = organization;
  get diagnostics gone = row_count;
  return gone;
end
$$;

/* Writes what was done to whom; what concerns no organization or one that is gone stands under the zero UUID. */
create function note_retention(organization uuid, what text, about text, details jsonb) returns void
  language sql security definer
  set search_path = public, pg_temp
as
$$
  insert into audit_logs (organization_id, action, resource_type, resource_id, metadata)
  values (coalesce(organization, '00000000-0000-0000-0000-000000000000'), what, 'retention', about, details)
$$;

/* Removes what says of itself that it has expired: rows of tables named context_… with a column expires_at, and references
   to secrets of sources that held until a moment a day or longer ago. Returns how many went. */
create function cleanup_expired_context_data(rows_max integer default 10000) returns bigint
  language plpgsql security definer
  set search_path = public, pg_temp
  set lock_timeout = '2s'
as
$$
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
$$;

-- What each table needs, as the server's own statistics tell it.
create view maintenance_recommendations as
select s.schemaname::text as schema_name, s.relname::text as table_name, advice.action, advice.reason, advice.statement,
  s.n_live_tup as live_rows, s.n_dead_tup as dead_rows,
  greatest(s.last_vacuum, s.last_autovacuum) as last_vacuum, greatest(s.last_analyze, s.last_autoanalyze) as last_analyze
from pg_stat_user_tables s
  join pg_class c on c.oid = s.relid
  cross join lateral (
    select 'vacuum' as action,
      format('%s of %s rows are dead', s.n_dead_tup, s.n_live_tup + s.n_dead_tup) as reason,
      format('vacuum (analyze) %I.%I', s.schemaname, s.relname) as statement
    where s.n_dead_tup > 10000 and s.n_dead_tup > 0.2 * s.n_live_tup
    union all
    select 'analyze', format('%s rows changed since the last look', s.n_mod_since_analyze),
      format('analyze %I.%I', s.schemaname, s.relname)
    where s.n_mod_since_analyze > 10000 and s.n_mod_since_analyze > 0.2 * greatest(s.n_live_tup, 1)
    union all
    select 'freeze', format('its oldest transaction is %s transactions old', age(c.relfrozenxid)),
      format('vacuum (freeze) %I.%I', s.schemaname, s.relname)
    where c.relkind = 'r' and age(c.relfrozenxid) > 1000000000
  ) advice
where s.schemaname in ('public', 'archive');

grant select on maintenance_recommendations to netra_system;

-- The same as before, but for the months that left by policy.
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
$$;

-- The same as before, but for what the analytics copy still lacks, and with room for a wrong clock.
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
$$;

do $$
declare
  signature text;
begin
  foreach signature in array array [
    'retention_cutoffs(timestamptz)', 'executions_month_obstacle(date)', 'early_executions_obstacle(date, uuid, timestamptz)', 'pattern_server()', 'detach_executions_month(date)',
    'remove_executions_early(date, uuid, timestamptz, boolean, integer)', 'archive_tables(date)', 'count_archive_rows(text)',
    'list_archive_columns(text)', 'read_archive_rows(text, uuid, uuid, timestamptz, integer)',
    'delete_archive_rows(text, uuid, integer)', 'drop_archive_tables(uuid, text)', 'add_archive_rows(date, text[], jsonb)',
    'attach_executions_month(date, timestamptz)', 'count_past_rows(text, uuid[], timestamptz[], timestamptz)',
    'delete_past_rows(text, uuid, timestamptz, integer)', 'drop_event_month(text, date, timestamptz)', 'list_tenant_tables()',
    'count_tenant_rows(text, text, uuid)', 'erase_tenant_rows(text, text, uuid, integer)', 'erase_sealed_rows(uuid)',
    'close_organization(uuid)', 'erase_organization_row(uuid)', 'note_retention(uuid, text, text, jsonb)',
    'cleanup_expired_context_data(integer)', 'freeze_pattern_days(uuid, date)', 'align_archive_columns(text)',
    'execution_columns()', 'when_archived(text[])'
  ]
  loop
    execute format('revoke all on function %s from public', signature);
    execute format('grant execute on function %s to netra_system', signature);
  end loop;
  -- What only the others call.
  revoke execute on function freeze_pattern_days(uuid, date), align_archive_columns(text), execution_columns(),
    when_archived(text[]) from netra_system;
end
$$;
