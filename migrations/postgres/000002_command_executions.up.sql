-- The ledger: one row for each command an agent ran, in monthly partitions made on demand, with what makes a retry
-- harmless (ingest_keys) and what makes the analytics copy complete (analytics_outbox).
set local lock_timeout = '5s';

-- Differences from the first sketch of this table: tokens and times are bigint (a long prompt reads billions of cached
-- tokens), money has twelve decimals (one token of a cheap model costs 0.000000010 dollars, and rounding each row would
-- move a sum), and the tenant leads every key. There are no foreign keys: the API key that wrote a row proves its
-- organization and user, and a check for each row would cost more than the row.
create table command_executions (
  organization_id uuid not null,
  id uuid not null,
  timestamp timestamptz not null,
  user_id uuid,
  batch_id uuid,
  execution_sequence integer,
  source varchar(20) not null,
  session_id varchar(200),

  command_raw text not null,
  command_base varchar(100) not null,
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
  status varchar(20) not null,
  error_message text,

  cost_usd numeric(20, 12),
  fresh_cost_usd numeric(20, 12),
  cache_savings_usd numeric(20, 12),
  reported_cost_usd numeric(20, 12),
  cost_basis varchar(20),
  price_version varchar(40),

  output_characteristics jsonb,
  model_version varchar(100),
  ingested_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp,

  primary key (organization_id, id, timestamp),
  constraint status_check check (status in ('pending', 'completed', 'failed', 'timeout')),
  constraint source_check check (source in ('client', 'import', 'otlp')),
  constraint positive_tokens check (
    input_tokens >= 0 and output_tokens >= 0 and cached_tokens >= 0
    and cache_write_5m_tokens >= 0 and cache_write_1h_tokens >= 0
  ),
  constraint total_is_sum_of_kinds check (
    total_tokens = input_tokens + output_tokens + cached_tokens + cache_write_5m_tokens + cache_write_1h_tokens
  ),
  constraint fresh_is_total_less_cached check (fresh_tokens = total_tokens - cached_tokens),
  constraint cache_rate_range check (cache_hit_rate >= 0 and cache_hit_rate <= 100),
  constraint cost_basis_check check (
    cost_basis in ('reported', 'computed', 'unpriced') and (cost_usd is null) = (cost_basis = 'unpriced')
  )
) partition by range (timestamp);

create index idx_timestamp on command_executions (organization_id, timestamp desc);
create index idx_command_base on command_executions (organization_id, command_base, timestamp desc);
create index idx_batch_id on command_executions (organization_id, batch_id) where batch_id is not null;
-- Nearly every row is completed, which no index helps to find.
create index idx_status on command_executions (organization_id, status, timestamp desc) where status <> 'completed';
create index idx_command_args_gin on command_executions using gin (command_args jsonb_path_ops)
  with (fastupdate = on, gin_pending_list_limit = 1024);
create index idx_command_features_gin on command_executions using gin (command_features jsonb_path_ops)
  with (fastupdate = on, gin_pending_list_limit = 1024);

alter table command_executions enable row level security;
-- One policy a verb, because an execution that has ended is never changed again.
create policy tenant_reads on command_executions for select to netra_app
  using (organization_id = current_organization_id());
create policy tenant_adds on command_executions for insert to netra_app
  with check (organization_id = current_organization_id());
create policy tenant_completes on command_executions for update to netra_app
  using (organization_id = current_organization_id() and status = 'pending')
  with check (organization_id = current_organization_id());
create policy system_jobs on command_executions for select to netra_system using (true);
grant select, insert, update on command_executions to netra_app;
grant select on command_executions to netra_system;

/* Makes the partition of the (UTC) month that holds `moment` and returns its name, or null when it was there. Called by
   ingest for months nobody made ahead, such as imported history; the bounds keep a wrong clock or a hostile sender from
   making thousands. Attaching a finished table holds off no reader and no writer, unlike CREATE TABLE … PARTITION OF.
   There is no DEFAULT partition: with one, PostgreSQL refuses to detach months concurrently. */
create function ensure_command_executions_partition(moment timestamptz) returns text
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

revoke all on function ensure_command_executions_partition(timestamptz) from public;
grant execute on function ensure_command_executions_partition(timestamptz) to netra_app, netra_system;

-- Makes an execution's id unique across partitions, whose own keys must contain the timestamp: a retry that carries
-- another timestamp is still the same execution. Rows older than the retry horizon may go, unless their execution is still
-- pending: without its key, an end with another timestamp would be stored beside it.
create table ingest_keys (
  organization_id uuid not null,
  id uuid not null,
  timestamp timestamptz not null,
  seen_at timestamptz not null default current_timestamp,
  primary key (organization_id, id)
);

create index idx_ingest_keys_seen_at on ingest_keys using brin (seen_at) with (pages_per_range = 32);

alter table ingest_keys enable row level security;
create policy tenant_isolation on ingest_keys to netra_app
  using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());
create policy system_jobs on ingest_keys to netra_system using (true) with check (true);
grant select, insert on ingest_keys to netra_app;
grant select, delete on ingest_keys to netra_system;

-- What the analytics copy does not have yet: one row for each statement that stored executions, written by that statement,
-- sealed into immutable batches by the relay, deleted once delivered.
create table analytics_outbox (
  seq bigint generated always as identity primary key,
  organization_id uuid not null,
  execution_ids uuid[] not null,
  execution_timestamps timestamptz[] not null,
  bytes bigint not null,
  batch bigint,
  created_at timestamptz not null default current_timestamp,
  check (cardinality(execution_ids) = cardinality(execution_timestamps) and cardinality(execution_ids) > 0)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 5000);

create index idx_analytics_outbox_batch on analytics_outbox (batch) where batch is not null;
create sequence analytics_batch;

alter table analytics_outbox enable row level security;
create policy tenant_isolation on analytics_outbox to netra_app
  using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());
create policy system_jobs on analytics_outbox to netra_system using (true) with check (true);
grant select, insert on analytics_outbox to netra_app;
grant select, update, delete on analytics_outbox to netra_system;
grant usage on sequence analytics_batch to netra_system;
