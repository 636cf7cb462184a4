-- The PostgreSQL schema after all migrations, to see what a change of them changes and to notice what nobody meant.
-- Written by `npm run migrate -- dump`; a test compares it.

create sequence analytics_batch;

CREATE OR REPLACE FUNCTION public.check_subscription_match(wanted_event uuid, wanted_subscription uuid)
 RETURNS boolean
 LANGUAGE sql
 STABLE
RETURN (EXISTS (SELECT FROM events e, event_subscriptions s WHERE ((e.id = check_subscription_match.wanted_event) AND (s.id = check_subscription_match.wanted_subscription) AND event_matches(e.*, s.*))));

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
$function$;

CREATE OR REPLACE FUNCTION public.current_organization_id()
 RETURNS uuid
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN (NULLIF(current_setting('app.organization_id'::text, true), ''::text))::uuid;

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

create table ingest_keys (
  organization_id uuid not null,
  id uuid not null,
  "timestamp" timestamp with time zone not null,
  seen_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint ingest_keys_pkey PRIMARY KEY (organization_id, id)
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

CREATE INDEX idx_deployment_records_environment ON public.deployment_records USING btree (organization_id, environment, started_at DESC);

CREATE INDEX idx_deployment_records_repository ON public.deployment_records USING btree (organization_id, repository, started_at DESC);

CREATE INDEX idx_deployment_records_sha ON public.deployment_records USING btree (organization_id, sha) WHERE (sha IS NOT NULL);

CREATE INDEX idx_event_content_keys_received_at ON public.event_content_keys USING brin (received_at) WITH (pages_per_range='32');

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

CREATE INDEX idx_linear_events_entity ON ONLY public.linear_events USING btree (organization_id, entity_id, received_at DESC);

CREATE INDEX idx_linear_events_team ON ONLY public.linear_events USING btree (organization_id, team_key, received_at DESC);

CREATE INDEX idx_linear_events_type ON ONLY public.linear_events USING btree (organization_id, type, action, received_at DESC);

CREATE INDEX idx_pattern_daily_rollups_day ON public.pattern_daily_rollups USING btree (day);

CREATE INDEX idx_project_repositories_repository ON public.project_repositories USING btree (organization_id, repository_id);

CREATE INDEX idx_repositories_full_name ON public.repositories USING btree (organization_id, full_name);

CREATE INDEX idx_repository_commits_committed_at ON public.repository_commits USING btree (organization_id, committed_at DESC);

CREATE INDEX idx_slack_events_channel ON ONLY public.slack_events USING btree (organization_id, channel_id, received_at DESC);

CREATE INDEX idx_slack_events_event ON ONLY public.slack_events USING btree (organization_id, event, subtype, received_at DESC);

CREATE INDEX idx_slack_events_user ON ONLY public.slack_events USING btree (organization_id, user_id, received_at DESC);

CREATE INDEX idx_status ON ONLY public.command_executions USING btree (organization_id, status, "timestamp" DESC) WHERE ((status)::text <> 'completed'::text);

CREATE INDEX idx_timestamp ON ONLY public.command_executions USING btree (organization_id, "timestamp" DESC);

CREATE INDEX idx_tracked_items_head_sha ON public.tracked_items USING btree (organization_id, head_sha) WHERE (head_sha IS NOT NULL);

CREATE INDEX idx_tracked_items_repository ON public.tracked_items USING btree (organization_id, repository, kind, version_time DESC);

CREATE INDEX idx_users_created_at ON public.users USING btree (created_at);

CREATE INDEX idx_users_oauth ON public.users USING btree (oauth_provider, oauth_id) WHERE (oauth_id IS NOT NULL);

CREATE TRIGGER mark_changed_execution AFTER UPDATE ON public.command_executions FOR EACH ROW WHEN (((old.status)::text <> 'pending'::text)) EXECUTE FUNCTION mark_changed_execution();

CREATE TRIGGER mark_deleted_executions AFTER DELETE ON public.command_executions REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION mark_deleted_executions();

CREATE TRIGGER update_event_sources_updated_at BEFORE UPDATE ON public.event_sources FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TRIGGER update_event_types_updated_at BEFORE UPDATE ON public.event_types FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TRIGGER update_organizations_updated_at BEFORE UPDATE ON public.organizations FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TRIGGER update_users_updated_at BEFORE UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

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

alter table ingest_keys enable row level security;

alter table linear_events enable row level security;

alter table organizations enable row level security;

alter table pattern_daily_rollups enable row level security;

alter table pattern_dirty_days enable row level security;

alter table pattern_state enable row level security;

alter table project_repositories enable row level security;

alter table projects enable row level security;

alter table rejected_requests enable row level security;

alter table repositories enable row level security;

alter table repository_branches enable row level security;

alter table repository_commits enable row level security;

alter table slack_events enable row level security;

alter table tracked_items enable row level security;

alter table users enable row level security;

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

create policy system_jobs on ingest_keys as permissive for all to netra_system using true with check true;

create policy tenant_isolation on ingest_keys as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on linear_events as permissive for all to netra_system using true with check true;

create policy tenant_isolation on linear_events as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on organizations as permissive for select to netra_system using true;

create policy tenant_isolation on organizations as permissive for select to netra_app using (id = current_organization_id());

create policy system_jobs on pattern_daily_rollups as permissive for all to netra_system using true with check true;

create policy tenant_isolation on pattern_daily_rollups as permissive for select to netra_app using (organization_id = current_organization_id());

create policy system_jobs on pattern_dirty_days as permissive for all to netra_system using true with check true;

create policy tenant_isolation on pattern_dirty_days as permissive for select to netra_app using (organization_id = current_organization_id());

create policy system_jobs on pattern_state as permissive for all to netra_system using true with check true;

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

create policy system_jobs on slack_events as permissive for all to netra_system using true with check true;

create policy tenant_isolation on slack_events as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on tracked_items as permissive for all to netra_system using true with check true;

create policy tenant_isolation on tracked_items as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy tenant_isolation on users as permissive for select to netra_app using (organization_id = current_organization_id());

grant usage on schema public to netra_app;

grant usage on schema public to netra_system;

grant usage on analytics_batch to netra_system;

grant delete, select, update on analytics_outbox to netra_system;

grant insert, select on analytics_outbox to netra_app;

grant insert, select on audit_logs to netra_app;

grant insert, select, update on command_executions to netra_app;

grant select on command_executions to netra_system;

grant delete, insert, select, update on command_patterns to netra_system;

grant select on command_patterns to netra_app;

grant delete, insert, select, update on daily_command_stats to netra_system;

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

grant delete, select, update on github_events to netra_system;

grant insert, select, update on github_events to netra_app;

grant delete, select on ingest_keys to netra_system;

grant insert, select on ingest_keys to netra_app;

grant delete, select, update on linear_events to netra_system;

grant insert, select, update on linear_events to netra_app;

grant select on organization_daily_command_stats to netra_app;

grant select on organizations to netra_app;

grant select on organizations to netra_system;

grant delete, insert, select, update on pattern_daily_rollups to netra_system;

grant select on pattern_daily_rollups to netra_app;

grant delete, insert, select on pattern_dirty_days to netra_system;

grant delete, insert, select, update on pattern_state to netra_system;

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

grant delete, select, update on slack_events to netra_system;

grant insert, select, update on slack_events to netra_app;

grant delete, select, update on tracked_items to netra_system;

grant insert, select, update on tracked_items to netra_app;

grant select (created_at, expires_at, id, is_active, key_prefix, last_used_at, name, organization_id, revoked_at, scopes, user_id) on api_keys to netra_app;

grant update (last_used_at) on api_keys to netra_app;

grant update (last_matched_at) on event_source_secrets to netra_app;

grant update (reconcile_state, reconciled_at) on event_sources to netra_system;

grant select (created_at, email, id, is_active, last_login_at, name, organization_id, role) on users to netra_app;

grant execute on function check_subscription_match(wanted_event uuid, wanted_subscription uuid) to public;

grant execute on function cleanup_old_events(events_max integer) to netra_system;

grant execute on function current_organization_id() to public;

grant execute on function ensure_command_executions_partition(moment timestamp with time zone) to netra_app;

grant execute on function ensure_command_executions_partition(moment timestamp with time zone) to netra_system;

grant execute on function ensure_event_partition(parent text, moment timestamp with time zone) to netra_app;

grant execute on function ensure_event_partition(parent text, moment timestamp with time zone) to netra_system;

grant execute on function event_condition_holds(payload jsonb, condition jsonb) to public;

grant execute on function event_condition_is_valid(condition jsonb) to public;

grant execute on function event_matches(e events, s event_subscriptions) to public;

grant execute on function event_name_matches(name text, pattern text) to public;

grant execute on function find_api_key(hash bytea) to netra_app;

grant execute on function find_event_source(wanted_endpoint text) to netra_app;

grant execute on function mark_pattern_days_dirty(organization uuid, first_day date, last_day date) to netra_system;

grant execute on function oldest_transaction_start() to netra_system;

grant execute on function process_pending_deliveries(deliveries_max integer) to netra_system;

grant execute on function process_pending_events(events_max integer) to netra_system;

grant execute on function refresh_daily_command_stats() to netra_system;

grant execute on function summarize_updated_executions() to netra_system;

grant execute on function update_updated_at_column() to public;
