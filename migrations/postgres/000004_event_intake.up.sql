-- Webhooks and deployments as they arrive: who may send (event_sources), what came (events, in monthly partitions), what
-- makes a repeat harmless (event_keys, event_content_keys), how processing went, and what was turned away.
set local lock_timeout = '5s';

-- The catalogue. A row without an organization is built in; a row of an organization's own takes its place there. Types
-- that are in neither are kept and processed all the same, and counted as unknown.
create table event_types (
  organization_id uuid references organizations (id) on delete cascade,
  type varchar(200) not null check (type ~ '^[a-z0-9-]+(\.[a-zA-Z0-9_-]+)*$'),
  source varchar(20) not null,
  version integer not null default 1 check (version > 0),
  description text,
  json_schema jsonb,
  retention_days integer not null default 90 check (retention_days between 1 and 3650),
  is_enabled boolean not null default true,
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp,
  unique nulls not distinct (organization_id, type)
);

create trigger update_event_types_updated_at before update on event_types
  for each row execute function update_updated_at_column();

alter table event_types enable row level security;
create policy tenant_reads on event_types for select to netra_app
  using (organization_id is null or organization_id = current_organization_id());
create policy system_jobs on event_types for select to netra_system using (true);
grant select on event_types to netra_app, netra_system;

-- Where events may come from. The endpoint id stands in the public address; it is no secret, the signature is the proof.
create table event_sources (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references organizations (id) on delete cascade,
  kind varchar(20) not null check (
    kind in ('github', 'slack', 'linear', 'vercel', 'standard', 'signed', 'cloud-build', 'cloud-deploy')
  ),
  endpoint_id varchar(40) not null unique check (endpoint_id ~ '^[A-Za-z0-9_-]{20,40}$'),
  name varchar(255) not null check (name <> ''),
  status varchar(20) not null default 'active' check (status in ('active', 'disabled')),
  -- What the kind needs besides secrets: the scheme of `signed`, audience and sender of a push, the hook to reconcile.
  config jsonb not null default '{}',
  reconciled_at timestamptz,
  -- Where the comparison with what the sender says it sent stopped last time.
  reconcile_state jsonb not null default '{}',
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp,
  unique (organization_id, name),
  unique (organization_id, id)
);

create trigger update_event_sources_updated_at before update on event_sources
  for each row execute function update_updated_at_column();

alter table event_sources enable row level security;
create policy tenant_reads on event_sources for select to netra_app using (organization_id = current_organization_id());
create policy system_jobs on event_sources to netra_system using (true) with check (true);
grant select on event_sources to netra_app, netra_system;
grant update (reconciled_at, reconcile_state) on event_sources to netra_system;

-- Several secrets may hold at once while one replaces the other; a reference says where a secret is, never what it is.
-- last_matched_at is the evidence on which an old one is retired.
create table event_source_secrets (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null,
  source_id uuid not null,
  reference varchar(500) not null check (reference ~ '^(env:|file:|projects/)'),
  not_after timestamptz,
  last_matched_at timestamptz,
  created_at timestamptz not null default current_timestamp,
  foreign key (organization_id, source_id) references event_sources (organization_id, id) on delete cascade
);

create index idx_event_source_secrets_source on event_source_secrets (organization_id, source_id);

alter table event_source_secrets enable row level security;
create policy tenant_isolation on event_source_secrets to netra_app
  using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());
grant select on event_source_secrets to netra_app;
grant update (last_matched_at) on event_source_secrets to netra_app;

/* The source behind a public address, with its secrets. Like find_api_key, a look-up made before the tenant is known. */
create function find_event_source(wanted_endpoint text)
  returns table (id uuid, organization_id uuid, kind text, status text, config jsonb, secrets jsonb)
  language sql stable security definer
  set search_path = public, pg_temp
  begin atomic
    select s.id, s.organization_id, s.kind, s.status, s.config, coalesce((
      select jsonb_agg(
        jsonb_build_object('id', e.id, 'reference', e.reference, 'not_after', extract(epoch from e.not_after) * 1000)
        order by e.created_at desc, e.id
      )
      from event_source_secrets e
      where e.organization_id = s.organization_id and e.source_id = s.id
    ), '[]')
    from event_sources s
    where s.endpoint_id = wanted_endpoint;
  end;

revoke all on function find_event_source(text) from public;
grant execute on function find_event_source(text) to netra_app;

-- The ledger of events: the exact bytes that were signed, and what became of them. One column says when something is to be
-- done about a row, whatever its status; it is null once nothing is.
create table events (
  organization_id uuid not null,
  id uuid not null,
  received_at timestamptz not null,
  source_id uuid not null,
  source varchar(20) not null,
  event_type varchar(200) not null,
  action varchar(200),
  delivery_key varchar(400) not null,
  body bytea not null,
  body_sha256 bytea not null check (octet_length(body_sha256) = 32),
  -- Whether the body is UTF-8 without NUL, and so can be read as text.
  is_text boolean not null,
  content_type varchar(200),
  headers jsonb not null,
  provider_time timestamptz,
  matched_secret_id uuid,

  status varchar(20) not null,
  attempts integer not null default 0,
  replays integer not null default 0,
  next_attempt_at timestamptz,
  processed_at timestamptz,
  error_class varchar(50),
  error_message text,

  -- Known once processed.
  payload jsonb,
  repository varchar(300),
  actor varchar(200),
  is_known_type boolean,

  primary key (organization_id, id, received_at),
  constraint status_check check (
    status in ('pending', 'processing', 'processed', 'failed', 'dead_letter', 'ignored')
  ),
  constraint due_while_unfinished check (
    (next_attempt_at is not null) = (status in ('pending', 'processing', 'failed'))
  )
) partition by range (received_at);

-- Bodies are JSON and shrink to a fifth. Where the server was built without lz4 they stay as they are: its own compression
-- would cost more than all the rest of taking an event.
do $$
begin
  alter table events alter column body set compression lz4, alter column payload set compression lz4;
exception when feature_not_supported then
  alter table events alter column body set storage external, alter column payload set storage external;
end
$$;

create index idx_events_due on events (next_attempt_at) where next_attempt_at is not null;
create index idx_events_received on events (organization_id, received_at desc);
create index idx_events_type on events (organization_id, event_type, received_at desc);
create index idx_events_trouble on events (organization_id, status, received_at desc)
  where status in ('failed', 'dead_letter', 'ignored');

alter table events enable row level security;
create policy tenant_isolation on events to netra_app
  using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());
create policy system_jobs on events to netra_system using (true) with check (true);
grant select, insert, update on events to netra_app;
grant select, update, delete on events to netra_system;

-- A delivery's own name, unique for its source over all months: a repeat is the same event.
create table event_keys (
  source_id uuid not null,
  delivery_key varchar(400) not null,
  organization_id uuid not null,
  event_id uuid not null,
  received_at timestamptz not null,
  primary key (source_id, delivery_key)
);

create index idx_event_keys_received_at on event_keys using brin (received_at) with (pages_per_range = 32);

alter table event_keys enable row level security;
create policy tenant_isolation on event_keys to netra_app
  using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());
create policy system_jobs on event_keys to netra_system using (true) with check (true);
grant select, insert on event_keys to netra_app;
grant select, delete on event_keys to netra_system;

-- What a delivery says, where its sender signs neither a time nor its name: the same again under another name is a
-- suspected replay.
create table event_content_keys (
  source_id uuid not null,
  content_key bytea not null check (octet_length(content_key) = 32),
  organization_id uuid not null,
  event_id uuid not null,
  received_at timestamptz not null,
  primary key (source_id, content_key)
);

create index idx_event_content_keys_received_at on event_content_keys
  using brin (received_at) with (pages_per_range = 32);

alter table event_content_keys enable row level security;
create policy tenant_isolation on event_content_keys to netra_app
  using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());
create policy system_jobs on event_content_keys to netra_system using (true) with check (true);
grant select, insert on event_content_keys to netra_app;
grant select, delete on event_content_keys to netra_system;

-- Every try to process an event.
create table event_processing_logs (
  organization_id uuid not null,
  event_id uuid not null,
  event_received_at timestamptz not null,
  replay integer not null,
  attempt integer not null,
  started_at timestamptz not null,
  duration_ms integer not null check (duration_ms >= 0),
  outcome varchar(20) not null check (outcome in ('processed', 'failed', 'dead_letter', 'ignored')),
  error_class varchar(50),
  error_message text,
  primary key (organization_id, event_id, replay, attempt, started_at)
) partition by range (started_at);

alter table event_processing_logs enable row level security;
create policy tenant_isolation on event_processing_logs to netra_app
  using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());
create policy system_jobs on event_processing_logs to netra_system using (true) with check (true);
grant select, insert on event_processing_logs to netra_app;
grant select, delete on event_processing_logs to netra_system;

-- What was turned away, so that an operator sees why a sender's events are missing. Whoever writes here keeps each source,
-- and all unknown addresses together (the zero UUID), to its latest thousand.
create table rejected_requests (
  source_id uuid not null,
  id bigint generated always as identity,
  organization_id uuid,
  rejected_at timestamptz not null default current_timestamp,
  kind varchar(20) not null,
  endpoint_id varchar(40),
  reason varchar(50) not null,
  detail varchar(500) not null,
  headers jsonb not null,
  body_bytes bigint not null,
  body_sha256 bytea,
  primary key (source_id, id)
);

alter table rejected_requests enable row level security;
create policy tenant_reads on rejected_requests for select to netra_app
  using (organization_id = current_organization_id());
create policy system_jobs on rejected_requests to netra_system using (true) with check (true);
grant select on rejected_requests to netra_app;
grant select, insert, update, delete on rejected_requests to netra_system;

/* Makes the partitions of the (UTC) month that holds `moment` for one of the tables of events and returns the name of the
   new one, or null when it was there. The same rules as for executions: no DEFAULT partition, bounds against wrong clocks,
   NT001 for a month that has been detached. */
create function ensure_event_partition(parent text, moment timestamptz) returns text
  language plpgsql security definer
  set search_path = public, pg_temp
  set timezone = 'UTC'
as
$$
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
$$;

revoke all on function ensure_event_partition(text, timestamptz) from public;
grant execute on function ensure_event_partition(text, timestamptz) to netra_app, netra_system;
