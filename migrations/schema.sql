-- The PostgreSQL schema after all migrations, to see what a change of them changes and to notice what nobody meant.
-- Written by `npm run migrate -- dump`; a test compares it.

create sequence analytics_batch;

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

CREATE OR REPLACE FUNCTION public.refresh_daily_command_stats()
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
AS $function$
begin
  refresh materialized view concurrently daily_command_stats;
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
  execution_ids uuid[] not null,
  execution_timestamps timestamp with time zone[] not null,
  bytes bigint not null,
  batch bigint,
  created_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint analytics_outbox_check CHECK (((cardinality(execution_ids) = cardinality(execution_timestamps)) AND (cardinality(execution_ids) > 0))),
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
  constraint command_patterns_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations(id) ON DELETE CASCADE,
  constraint command_patterns_organization_id_pattern_signature_key UNIQUE (organization_id, pattern_signature),
  constraint command_patterns_pkey PRIMARY KEY (id),
  constraint command_patterns_sample_size_check CHECK ((sample_size >= 0))
);

create table ingest_keys (
  organization_id uuid not null,
  id uuid not null,
  "timestamp" timestamp with time zone not null,
  seen_at timestamp with time zone not null default CURRENT_TIMESTAMP,
  constraint ingest_keys_pkey PRIMARY KEY (organization_id, id)
);

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

create materialized view daily_command_stats as
 SELECT organization_id,
    (("timestamp" AT TIME ZONE 'UTC'::text))::date AS day,
    command_base,
    count(*) AS execution_count,
    count(*) FILTER (WHERE ((status)::text = 'failed'::text)) AS failed_count,
    count(*) FILTER (WHERE ((status)::text = 'timeout'::text)) AS timeout_count,
    avg(total_tokens) AS avg_tokens,
    sum(total_tokens) AS total_tokens,
    sum(cached_tokens) AS cached_tokens,
    sum(cost_usd) AS total_cost,
    count(*) FILTER (WHERE ((cost_basis)::text = 'unpriced'::text)) AS unpriced_count,
    sum(cache_savings_usd) AS total_cache_savings
   FROM command_executions
  WHERE ((status)::text <> 'pending'::text)
  GROUP BY organization_id, ((("timestamp" AT TIME ZONE 'UTC'::text))::date), command_base;

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

CREATE INDEX idx_command_features_gin ON ONLY public.command_executions USING gin (command_features jsonb_path_ops) WITH (fastupdate='on', gin_pending_list_limit='1024');

CREATE INDEX idx_command_patterns_base ON public.command_patterns USING btree (organization_id, command_base);

CREATE UNIQUE INDEX idx_daily_command_stats ON public.daily_command_stats USING btree (organization_id, day, command_base);

CREATE INDEX idx_ingest_keys_seen_at ON public.ingest_keys USING brin (seen_at) WITH (pages_per_range='32');

CREATE INDEX idx_status ON ONLY public.command_executions USING btree (organization_id, status, "timestamp" DESC) WHERE ((status)::text <> 'completed'::text);

CREATE INDEX idx_timestamp ON ONLY public.command_executions USING btree (organization_id, "timestamp" DESC);

CREATE INDEX idx_users_created_at ON public.users USING btree (created_at);

CREATE INDEX idx_users_oauth ON public.users USING btree (oauth_provider, oauth_id) WHERE (oauth_id IS NOT NULL);

CREATE TRIGGER update_organizations_updated_at BEFORE UPDATE ON public.organizations FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE TRIGGER update_users_updated_at BEFORE UPDATE ON public.users FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

alter table analytics_outbox enable row level security;

alter table api_keys enable row level security;

alter table audit_logs enable row level security;

alter table command_executions enable row level security;

alter table command_patterns enable row level security;

alter table ingest_keys enable row level security;

alter table organizations enable row level security;

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

create policy system_jobs on ingest_keys as permissive for all to netra_system using true with check true;

create policy tenant_isolation on ingest_keys as permissive for all to netra_app using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());

create policy system_jobs on organizations as permissive for select to netra_system using true;

create policy tenant_isolation on organizations as permissive for select to netra_app using (id = current_organization_id());

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

grant select on daily_command_stats to netra_system;

grant delete, select on ingest_keys to netra_system;

grant insert, select on ingest_keys to netra_app;

grant select on organization_daily_command_stats to netra_app;

grant select on organizations to netra_app;

grant select on organizations to netra_system;

grant select (created_at, expires_at, id, is_active, key_prefix, last_used_at, name, organization_id, revoked_at, scopes, user_id) on api_keys to netra_app;

grant update (last_used_at) on api_keys to netra_app;

grant select (created_at, email, id, is_active, last_login_at, name, organization_id, role) on users to netra_app;

grant execute on function current_organization_id() to public;

grant execute on function ensure_command_executions_partition(moment timestamp with time zone) to netra_app;

grant execute on function ensure_command_executions_partition(moment timestamp with time zone) to netra_system;

grant execute on function find_api_key(hash bytea) to netra_app;

grant execute on function refresh_daily_command_stats() to netra_system;

grant execute on function update_updated_at_column() to public;
