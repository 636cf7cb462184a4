-- What the health function knows and says: how jobs ended, samples of counters, rules of alerts and the alerts themselves,
-- and views for people who look into the database.
set local lock_timeout = '5s';

-- One row for each job: how it ended last, and when it last did what it is for.
create table job_states (
  job varchar(60) primary key check (job <> ''),
  last_started_at timestamptz not null,
  last_ended_at timestamptz not null,
  last_outcome varchar(20) not null check (last_outcome in ('succeeded', 'partial', 'failed')),
  last_duration_ms bigint not null check (last_duration_ms >= 0),
  last_counts jsonb not null,
  last_error_class varchar(100),
  last_succeeded_at timestamptz,
  consecutive_failures integer not null,
  runs bigint not null,
  failures bigint not null
);

-- The history, of each job its latest 200: every run of the slow jobs, and of those that run every minute the ones that
-- did not succeed.
create table job_runs (
  id bigint generated always as identity primary key,
  job varchar(60) not null,
  started_at timestamptz not null,
  ended_at timestamptz not null,
  outcome varchar(20) not null check (outcome in ('succeeded', 'partial', 'failed')),
  duration_ms bigint not null check (duration_ms >= 0),
  counts jsonb not null,
  error_class varchar(100)
);

create index idx_job_runs_job on job_runs (job, id desc);

alter table job_states enable row level security;
alter table job_runs enable row level security;
create policy system_jobs on job_states for select to netra_system using (true);
create policy system_jobs on job_runs for select to netra_system using (true);
grant select on job_states, job_runs to netra_system;

/* Notes that a job has ended just now. A part done counts as neither success nor failure. `keeps` says whether a success
   goes into the history too. Times are this server's, so that no job's own clock decides whether it is late. */
create function record_job_run(
  job text, duration_ms bigint, outcome text, counts jsonb, error_class text, keeps boolean
) returns void
  language plpgsql security definer
  set search_path = public, pg_temp
as
$$
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
$$;

revoke all on function record_job_run(text, bigint, text, jsonb, text, boolean) from public;
grant execute on function record_job_run(text, bigint, text, jsonb, text, boolean) to netra_app, netra_system;

-- Counters of the servers as they stood, each minute for two hours: what they grew by tells what happened lately.
create table health_samples (
  metric varchar(60) not null,
  sampled_at timestamptz not null default clock_timestamp(),
  value double precision not null,
  primary key (metric, sampled_at)
);

alter table health_samples enable row level security;
create policy system_jobs on health_samples to netra_system using (true) with check (true);
grant select, insert, delete on health_samples to netra_system;

-- When to alert: a check's value compared with a threshold, or a check's status; `*` is every check.
create table alert_rules (
  id integer primary key generated always as identity,
  name varchar(100) not null unique check (name <> ''),
  metric varchar(60) not null check (metric = '*' or metric ~ '^[a-z][a-z0-9_]*$'),
  comparison varchar(10) not null check (comparison in ('>', '>=', '<', '<=', 'status')),
  threshold double precision,
  status varchar(10) check (status in ('warning', 'critical', 'unknown')),
  for_seconds integer not null check (for_seconds between 0 and 604800),
  severity varchar(10) not null check (severity in ('warning', 'critical')),
  description varchar(500) not null,
  is_enabled boolean not null default true,
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp,
  check ((comparison = 'status') = (status is not null) and (comparison = 'status') = (threshold is null)),
  check (metric <> '*' or comparison = 'status')
);

create trigger update_alert_rules_updated_at before update on alert_rules
  for each row execute function update_updated_at_column();

insert into alert_rules (name, metric, comparison, threshold, status, for_seconds, severity, description) values
  ('database-over-100-gb', 'database_size', '>', 100e9, null, 300, 'critical', 'The database is larger than 100 GB.'),
  ('query-over-5-seconds', 'slow_queries', '>=', 1, null, 60, 'warning', 'Statements of the functions run longer than 5 seconds.'),
  ('many-slow-queries', 'slow_queries', '>', 10, null, 120, 'critical', 'More than 10 statements run longer than 5 seconds.'),
  ('pool-over-80-percent', 'pool_utilization', '>', 80, null, 300, 'warning', 'A connection pool is used to more than 80 %.'),
  ('connections-over-80-percent', 'connection_slots', '>', 80, null, 300, 'critical', 'More than 80 % of the server''s connections are used.'),
  ('replication-lag', 'replication_lag', '>', 30, null, 60, 'critical', 'A replica is more than 30 seconds behind.'),
  ('no-new-records', 'last_execution', '>', 3600, null, 0, 'warning', 'No execution has been stored for an hour.'),
  ('check-critical', '*', 'status', null, 'critical', 60, 'critical', 'A check is critical.'),
  ('check-unknown', '*', 'status', null, 'unknown', 900, 'warning', 'A check could not be made for a quarter of an hour.');

-- Rules whose condition holds and has not held long enough yet.
create table alert_conditions (
  rule_id integer not null references alert_rules (id) on delete cascade,
  subject varchar(60) not null,
  since timestamptz not null,
  primary key (rule_id, subject)
);

create table alerts (
  id uuid primary key default gen_random_uuid(),
  rule_id integer references alert_rules (id) on delete set null,
  rule varchar(100) not null,
  subject varchar(60) not null,
  severity varchar(10) not null check (severity in ('warning', 'critical')),
  status varchar(10) not null,
  value double precision,
  threshold double precision,
  unit varchar(20),
  message varchar(1000) not null,
  next_step varchar(1000),
  opened_at timestamptz not null default current_timestamp,
  closed_at timestamptz check (closed_at >= opened_at)
);

create unique index idx_alerts_open on alerts (rule, subject) where closed_at is null;
create index idx_alerts_opened_at on alerts (opened_at desc);

-- Whose subscriptions hear of alerts. They are about the installation and not about a tenant, so whoever runs it says who.
create table alert_recipients (
  organization_id uuid primary key references organizations (id) on delete cascade,
  created_at timestamptz not null default current_timestamp
);

alter table alert_rules enable row level security;
alter table alert_conditions enable row level security;
alter table alerts enable row level security;
alter table alert_recipients enable row level security;
create policy system_jobs on alert_rules for select to netra_system using (true);
create policy system_jobs on alert_conditions to netra_system using (true) with check (true);
create policy system_jobs on alerts to netra_system using (true) with check (true);
create policy tenant_reads on alert_recipients for select to netra_app
  using (organization_id = current_organization_id());
create policy system_jobs on alert_recipients for select to netra_system using (true);
grant select on alert_rules, alert_recipients to netra_system;
grant select on alert_recipients to netra_app;
grant select, insert, update, delete on alert_conditions, alerts to netra_system;

-- What alerts are as events: netra.alert.opened and netra.alert.closed.
insert into event_types (type, source, description, retention_days)
values ('netra.alert', 'netra', 'An alert of this installation was opened or closed.', 365);

/* Stores an alert as an event of every recipient, in the transaction that opens or closes it. The sweep tells the workers.
   Returns how many organizations it is for. */
create function publish_alert_event(alert alerts, action text) returns integer
  language plpgsql security definer
  set search_path = public, pg_temp
as
$$
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
$$;

revoke all on function publish_alert_event(alerts, text) from public;
grant execute on function publish_alert_event(alerts, text) to netra_system;

/* The sessions of this server without what they run. The details of other logins' sessions are null, and is_hidden is true,
   where the owner of this function may not see them (it needs pg_read_all_stats). */
create function database_sessions()
  returns table (
    pid integer, application_name text, backend_type text, state text, is_of_this_database boolean, is_hidden boolean,
    is_waiting_for_lock boolean, transaction_seconds double precision, query_seconds double precision,
    state_seconds double precision
  )
  language sql volatile security definer
  set search_path = public, pg_temp
as
$$
  select a.pid, a.application_name,
    -- Not told of hidden sessions: what is in a database is taken to be a client's.
    coalesce(a.backend_type, case when a.datname is not null then 'client backend' end), a.state, a.datname = current_database(),
    a.query is not distinct from '<insufficient privilege>',
    a.wait_event_type is not distinct from 'Lock',
    extract(epoch from clock_timestamp() - a.xact_start)::float8,
    case when a.state = 'active' then extract(epoch from clock_timestamp() - a.query_start)::float8 end,
    extract(epoch from clock_timestamp() - a.state_change)::float8
  from pg_stat_activity a
$$;

/* The replicas that stream from this server. `lag_seconds` is what they told last: one that shows nothing any more tells
   nothing more, so how far behind it is can only be told from when the log had got to where it stands. */
create function database_replicas()
  returns table (
    name text, state text, sync_state text, position_bytes double precision, lag_bytes double precision,
    lag_seconds double precision
  )
  language sql volatile security definer
  set search_path = public, pg_temp
as
$$
  select r.application_name, r.state, r.sync_state, pg_wal_lsn_diff(r.replay_lsn, '0/0')::float8,
    case when not pg_is_in_recovery() then pg_wal_lsn_diff(pg_current_wal_lsn(), r.replay_lsn)::float8 end,
    extract(epoch from r.replay_lag)::float8
  from pg_stat_replication r
$$;

/* The numbers of the migrations that were applied. */
create function applied_migrations() returns integer[]
  language plpgsql stable security definer
  set search_path = public, pg_temp
as
$$
begin
  return (select coalesce(array_agg(m.version order by m.version), '{}') from schema_migrations m);
end
$$;

/* API keys in use (within 30 days) that end within a week or a day, or ended within the last day; and sources of events whose every
   secret has ended. Counts alone: which they are is their organizations' business. */
create function expiring_secrets()
  returns table (
    keys_within_week bigint, keys_within_day bigint, keys_just_ended bigint, first_end timestamptz,
    sources_without_secret bigint
  )
  language sql stable security definer
  set search_path = public, pg_temp
as
$$
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
$$;

/* What pg_stat_statements has of this database, where it is installed; nothing otherwise. */
create function statement_statistics()
  returns table (
    queryid bigint, query text, calls bigint, mean_ms double precision, max_ms double precision,
    total_ms double precision, rows bigint, blocks_hit bigint, blocks_read bigint
  )
  language plpgsql volatile security definer
  set search_path = public, pg_temp
as
$$
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
$$;

/* Lets the index by time tell new keys from old ones. Left alone, a table that only grows has a tail that every question for
   what is recent reads, most of all when nothing is. What a vacuum holds is left to it. Returns how many ranges were new. */
create function summarize_ingest_keys() returns integer
  language plpgsql security definer
  set search_path = public, pg_temp
  set lock_timeout = '200ms'
as
$$
begin
  return brin_summarize_new_values('idx_ingest_keys_seen_at');
exception when lock_not_available then
  return 0;
end
$$;

/* Which months each partitioned table has, and how many in a row from the current (UTC) one on. */
create function months_ahead() returns table (parent text, months integer)
  language sql stable
  set search_path = public, pg_temp
  set timezone = 'UTC'
as
$$
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
$$;

do $$
declare
  name text;
begin
  foreach name in array array [
    'database_sessions()', 'database_replicas()', 'applied_migrations()', 'expiring_secrets()', 'statement_statistics()',
    'months_ahead()', 'summarize_ingest_keys()'
  ]
  loop
    execute format('revoke all on function %s from public', name);
    execute format('grant execute on function %s to netra_system', name);
  end loop;
end
$$;

create index idx_event_deliveries_dead on event_deliveries (created_at desc) where status = 'dead_letter';

-- Views, for people. They are about the whole server and every organization, so only the system jobs may read them.

-- Each table with its partitions taken together.
create view table_access_patterns as
with tables as (
  select coalesce(pg_partition_root(s.relid), s.relid)::regclass::text as table_name, sum(s.seq_scan) as sequential_scans,
    sum(s.seq_tup_read) as sequential_rows, sum(coalesce(s.idx_scan, 0)) as index_scans, sum(s.n_live_tup) as live_rows,
    sum(s.n_dead_tup) as dead_rows, sum(s.n_tup_ins) as inserted, sum(s.n_tup_upd) as updated, sum(s.n_tup_del) as deleted,
    sum(s.n_tup_hot_upd) as updated_in_place, sum(pg_total_relation_size(s.relid)) as total_bytes,
    max(greatest(s.last_vacuum, s.last_autovacuum)) as last_vacuum,
    max(greatest(s.last_analyze, s.last_autoanalyze)) as last_analyze
  from pg_stat_user_tables s
  where s.schemaname = 'public'
  group by 1
)
select t.*,
  round(100.0 * index_scans / nullif(index_scans + sequential_scans, 0), 1) as index_scan_percent,
  round(100.0 * dead_rows / nullif(live_rows + dead_rows, 0), 1) as dead_row_percent,
  case
    when live_rows > 10000 and sequential_scans > index_scans and sequential_rows > 10 * live_rows
      then 'Consider adding indexes: it is mostly read from one end to the other'
    when live_rows + dead_rows > 10000 and dead_rows > 0.2 * (live_rows + dead_rows)
      then 'Vacuum it: more than a fifth of its rows are dead'
    when live_rows > 10000 and last_analyze is null then 'Analyze it: the planner knows nothing of it'
    else 'Nothing to do'
  end as recommendation
from tables t
order by total_bytes desc;

create view index_usage_analysis as
select i.relname as table_name, i.indexrelname as index_name, pg_relation_size(i.indexrelid) as bytes, i.idx_scan as scans,
  i.idx_tup_read as entries_read, x.indisunique as is_unique, x.indisvalid as is_valid,
  case
    when not x.indisvalid then 'invalid'
    when i.idx_scan > 1000 then 'used'
    when i.idx_scan > 0 then 'rarely used'
    -- Whatever it is read for, it keeps a rule.
    when x.indisunique then 'constraint'
    else 'unused'
  end as usage_status
from pg_stat_user_indexes i join pg_index x on x.indexrelid = i.indexrelid
where i.schemaname = 'public'
order by pg_relation_size(i.indexrelid) desc;

create view slow_query_analysis as
select s.queryid, s.query, s.calls, round(s.mean_ms::numeric, 3) as mean_ms, round(s.max_ms::numeric, 3) as max_ms,
  round(s.total_ms::numeric, 3) as total_ms, s.rows,
  round(100.0 * s.blocks_hit / nullif(s.blocks_hit + s.blocks_read, 0), 1) as cache_hit_percent,
  case when s.mean_ms > 5000 then 'critical' when s.mean_ms > 1000 then 'high' when s.mean_ms > 100 then 'medium'
    else 'low' end as priority
from statement_statistics() s
order by s.total_ms desc;

create view database_resource_utilization as
with used as (
  select 'connections' as resource, (select count(*) from database_sessions() where backend_type = 'client backend')::numeric
      as used,
    (current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer)::numeric
      as available, 'connections' as unit
  union all
  select 'database', pg_database_size(current_database()), null, 'bytes'
  union all
  select 'temporary files since the statistics began', d.temp_bytes, null, 'bytes'
  from pg_stat_database d where d.datname = current_database()
  union all
  select 'block reads answered from memory', d.blks_hit, nullif(d.blks_hit + d.blks_read, 0), 'blocks'
  from pg_stat_database d where d.datname = current_database()
  union all
  select 'transaction ids before a forced vacuum', age(d.datfrozenxid),
    current_setting('autovacuum_freeze_max_age')::bigint, 'transactions'
  from pg_database d where d.datname = current_database()
  union all
  select 'autovacuum workers', (select count(*) from database_sessions() where backend_type = 'autovacuum worker'),
    current_setting('autovacuum_max_workers')::integer, 'workers'
  union all
  select 'log kept for replicas',
    (select max(pg_wal_lsn_diff(pg_current_wal_lsn(), s.restart_lsn)) from pg_replication_slots s
     where not pg_is_in_recovery()),
    null, 'bytes'
)
select resource, used, available, unit, round(100.0 * used / nullif(available, 0), 1) as used_percent from used;

create view database_health_summary as
select current_database() as database, current_setting('server_version') as server_version,
  pg_postmaster_start_time() as started_at, pg_is_in_recovery() as is_replica,
  pg_database_size(current_database()) as size_bytes,
  current_setting('max_connections')::integer as connections_max, s.connections_used, s.connections_active,
  s.connections_idle, s.connections_idle_in_transaction, s.oldest_transaction_seconds,
  (select count(*) from pg_locks l where not l.granted) as waiting_locks,
  d.deadlocks, d.temp_bytes, d.xact_commit as committed, d.xact_rollback as rolled_back,
  round(100.0 * d.blks_hit / nullif(d.blks_hit + d.blks_read, 0), 2) as cache_hit_percent,
  (select count(*) from pg_stat_user_tables) as tables,
  (select sum(t.n_dead_tup) from pg_stat_user_tables t) as dead_rows,
  d.stats_reset as counted_since
from pg_stat_database d,
  (
    select count(*) as connections_used, count(*) filter (where state = 'active') as connections_active,
      count(*) filter (where state = 'idle') as connections_idle,
      count(*) filter (where state like 'idle in transaction%') as connections_idle_in_transaction,
      max(transaction_seconds) filter (where is_of_this_database) as oldest_transaction_seconds
    from database_sessions() where backend_type = 'client backend'
  ) s
where d.datname = current_database();

create view critical_alerts as
select id, rule, subject, severity, value, threshold, unit, message, next_step, opened_at,
  extract(epoch from now() - opened_at)::bigint as open_seconds
from alerts
where closed_at is null and severity = 'critical'
order by opened_at;

-- How complete what came within seven days is. Percentages are null where there is nothing to be complete.
create view data_quality_metrics as
with executions as (
  select count(*) as total,
    count(*) filter (where status <> 'pending') as ended,
    count(*) filter (where status = 'pending' and timestamp < now() - interval '1 day') as left_pending,
    count(*) filter (where status <> 'pending' and total_tokens is null) as unmeasured,
    count(*) filter (where status <> 'pending' and cost_basis = 'unpriced') as unpriced,
    count(*) filter (where model_version is null and status <> 'pending') as without_model,
    count(*) filter (where timestamp > ingested_at + interval '5 minutes') as from_the_future
  from command_executions where timestamp > now() - interval '7 days'
), incoming as (
  select count(*) as total, count(*) filter (where status = 'processed') as processed,
    count(*) filter (where status = 'dead_letter') as dead, count(*) filter (where is_known_type = false) as unknown_type,
    count(*) filter (where error_class = 'suspected_replay') as replays
  from events where received_at > now() - interval '7 days'
), metrics (subject, metric, issue_count, total) as (
  select 'command_executions', m.* from executions e, lateral (values
    ('pending for more than a day', e.left_pending, e.total), ('without token counts', e.unmeasured, e.ended),
    ('without a price', e.unpriced, e.ended), ('without a model', e.without_model, e.ended),
    ('dated in the future', e.from_the_future, e.total)) as m(metric, issue_count, total)
  union all
  select 'events', m.* from incoming i, lateral (values
    ('given up', i.dead, i.total), ('of unknown type', i.unknown_type, i.processed),
    ('suspected replays', i.replays, i.total)) as m(metric, issue_count, total)
)
select subject, metric, issue_count, total, round(100.0 * issue_count / nullif(total, 0), 2) as issue_percent from metrics;

create view data_integrity_checks as
with found (check_name, issue_count, detail) as (
  select 'invalid indexes', count(*), string_agg(x.indexrelid::regclass::text, ', ' order by x.indexrelid)
  from pg_index x join pg_class c on c.oid = x.indexrelid
  where not x.indisvalid and c.relnamespace = 'public'::regnamespace
  union all
  select 'constraints that were never checked', count(*), string_agg(c.conname, ', ' order by c.conname)
  from pg_constraint c where not c.convalidated and c.connamespace = 'public'::regnamespace
  union all
  select 'daily statistics of organizations that are not there', count(*), null
  from (select distinct organization_id from daily_command_stats) s
  where not exists (select from organizations o where o.id = s.organization_id)
  union all
  select 'days whose roll-ups and statistics differ', count(*), null
  from (
    select organization_id, day, sum(execution_count) as executions from pattern_daily_rollups group by 1, 2
  ) r
  full join (
    select organization_id, day, sum(execution_count) as executions from daily_command_stats group by 1, 2
  ) s using (organization_id, day)
  where r.executions is distinct from s.executions
  union all
  select 'sealed batches left for more than a day', count(distinct o.batch), null
  from analytics_outbox o where o.batch is not null and o.created_at < now() - interval '1 day'
  union all
  select 'deliveries of subscriptions that are not there', count(*), null
  from event_deliveries d
  where d.next_attempt_at is not null
    and not exists (select from event_subscriptions s where s.id = d.subscription_id)
  union all
  select 'events overdue for more than an hour', count(*), null
  from events e where e.next_attempt_at < now() - interval '1 hour'
  union all
  select 'branches in the records of no repository', count(*), null
  from repository_branches b where not exists (select from repositories r where r.id = b.repository_id)
)
select check_name, case when issue_count = 0 then 'pass' else 'fail' end as status, issue_count, detail from found;

create view executions_performance_analysis as
select organization_id, command_base, count(*) as executions,
  count(*) filter (where status in ('failed', 'timeout')) as failed,
  percentile_cont(0.5) within group (order by execution_time_ms) as median_ms,
  percentile_cont(0.95) within group (order by execution_time_ms) as p95_ms,
  sum(total_tokens) as total_tokens, sum(cost_usd) as cost_usd,
  max(extract(epoch from ingested_at - timestamp))::numeric(20, 3) as slowest_arrival_seconds
from command_executions
where timestamp > now() - interval '7 days' and status <> 'pending'
group by organization_id, command_base;

create view events_performance_analysis as
select e.organization_id, e.source, e.event_type, count(*) as events,
  count(*) filter (where e.status = 'processed') as processed,
  count(*) filter (where e.status = 'dead_letter') as dead_letters,
  count(*) filter (where e.next_attempt_at is not null) as waiting,
  percentile_cont(0.5) within group (order by extract(epoch from e.processed_at - e.received_at)) as median_seconds,
  percentile_cont(0.95) within group (order by extract(epoch from e.processed_at - e.received_at)) as p95_seconds,
  avg(e.attempts)::numeric(10, 2) as attempts_average
from events e
where e.received_at > now() - interval '7 days'
group by e.organization_id, e.source, e.event_type;

create view deliveries_performance_analysis as
select d.organization_id, d.subscription_id, count(*) as deliveries,
  count(*) filter (where d.status = 'delivered') as delivered,
  count(*) filter (where d.status = 'dead_letter') as dead_letters,
  count(*) filter (where d.next_attempt_at is not null) as waiting,
  percentile_cont(0.95) within group (order by extract(epoch from d.delivered_at - d.created_at)) as p95_seconds,
  max(d.attempts) as attempts_max
from event_deliveries d
where d.event_received_at > now() - interval '7 days'
group by d.organization_id, d.subscription_id;

-- What still has to reach the analytics copy.
create view analytics_performance_analysis as
select kind, count(*) as entries, sum(cardinality(record_ids)) as records, sum(bytes) as bytes,
  count(distinct batch) as sealed_batches, min(created_at) as oldest,
  extract(epoch from now() - min(created_at))::bigint as lag_seconds
from analytics_outbox
group by kind;

create view patterns_performance_analysis as
select p.organization_id, count(*) as patterns, sum(p.sample_size) as executions, max(p.last_updated) as last_updated,
  (select count(*) from pattern_dirty_days d where d.organization_id = p.organization_id) as days_to_recount
from command_patterns p
group by p.organization_id;

create view jobs_performance_analysis as
select s.job, s.last_outcome, s.last_ended_at, s.last_succeeded_at, s.last_duration_ms, s.last_error_class, s.runs, s.failures,
  round(100.0 * s.failures / nullif(s.runs, 0), 2) as failure_percent, s.consecutive_failures,
  (select percentile_cont(0.95) within group (order by r.duration_ms) from job_runs r where r.job = s.job)
    as p95_recorded_duration_ms
from job_states s;

create view performance_optimization_recommendations as
select 'indexing' as category, 'medium' as priority, t.table_name as subject, t.recommendation
from table_access_patterns t where t.recommendation like 'Consider adding indexes%'
union all
select 'indexing', 'low', i.index_name::text,
  'Consider dropping it: it takes ' || pg_size_pretty(i.bytes) || ' and was never read since the statistics began'
from index_usage_analysis i where i.usage_status = 'unused' and i.bytes > 10 * 1024 * 1024
union all
select 'indexing', 'high', i.index_name::text, 'Build it again: it is invalid, and costs writes without serving reads'
from index_usage_analysis i where i.usage_status = 'invalid'
union all
select 'maintenance', 'medium', t.table_name, t.recommendation
from table_access_patterns t where t.recommendation like 'Vacuum%' or t.recommendation like 'Analyze%'
union all
select 'queries', q.priority, q.queryid::text,
  'Look at its plan: ' || q.mean_ms || ' ms on average over ' || q.calls || ' calls: ' || left(q.query, 100)
from slow_query_analysis q where q.priority in ('critical', 'high')
union all
select 'memory', 'medium', 'shared_buffers', 'Give the server more memory: '
  || s.cache_hit_percent || ' % of block reads are answered from it'
from database_health_summary s where s.cache_hit_percent < 90
union all
select 'connections', case when u.used_percent > 95 then 'critical' else 'high' end, u.resource,
  'Lower the pools of the functions or raise max_connections: ' || u.used_percent || ' % are used'
from database_resource_utilization u where u.resource = 'connections' and u.used_percent > 80
union all
select 'maintenance', 'critical', u.resource, 'Vacuum freeze: ' || u.used_percent || ' % of the ids are used up'
from database_resource_utilization u where u.resource like 'transaction ids%' and u.used_percent > 90;

-- A line for each thing that can be in the way, by the limits the health function has too.
create view system_health as
with facts (component, value, unit, warning, critical) as (
  select 'connections', u.used_percent, '%', 80, 95
  from database_resource_utilization u where u.resource = 'connections'
  union all
  select 'database size', s.size_bytes, 'bytes', 80e9, 100e9 from database_health_summary s
  union all
  select 'oldest transaction', coalesce(s.oldest_transaction_seconds, 0)::numeric, 's', 300, 3600
  from database_health_summary s
  union all
  select 'locks waited for', s.waiting_locks, 'locks', 10, 50 from database_health_summary s
  union all
  select 'relay lag', (
    select coalesce(extract(epoch from now() - min(o.created_at)), 0)::numeric(20, 3) from analytics_outbox o
  ), 's', 180, 900
  union all
  select 'events overdue', (
    select coalesce(extract(epoch from now() - min(e.next_attempt_at)), 0)::numeric(20, 3) from events e
    where e.next_attempt_at < now()
  ), 's', 300, 1800
  union all
  select 'deliveries overdue', (
    select coalesce(extract(epoch from now() - min(d.next_attempt_at)), 0)::numeric(20, 3) from event_deliveries d
    where d.next_attempt_at < now()
  ), 's', 300, 1800
  union all
  select 'events given up within a day', (
    select count(*) from events e where e.status = 'dead_letter' and e.received_at > now() - interval '1 day'
  ), 'events', 1, 100
  union all
  select 'failures in a row of ' || j.job, j.consecutive_failures, 'runs', 1, 3 from job_states j
  union all
  select 'open critical alerts', (select count(*) from critical_alerts), 'alerts', 1, 1
)
select component, case when value is null then 'unknown' when value >= critical then 'critical'
  when value >= warning then 'warning' else 'ok' end as status, value, unit, warning, critical
from facts;

grant select on
  table_access_patterns, index_usage_analysis, slow_query_analysis, database_resource_utilization, database_health_summary,
  critical_alerts, data_quality_metrics, data_integrity_checks, executions_performance_analysis,
  events_performance_analysis, deliveries_performance_analysis, analytics_performance_analysis,
  patterns_performance_analysis, jobs_performance_analysis, performance_optimization_recommendations, system_health
  to netra_system;
