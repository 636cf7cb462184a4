-- What events turn into: a typed row for each in the table of its source, the current state of repositories, branches,
-- deployments and what else is tracked, and deliveries to whoever subscribed.
--
-- A row of current state is written by events in any order. Each event brings the whole row with a version; the row with
-- the greatest version stays, so every order ends the same. The version is the provider's time, then a rank where times
-- are equal (a check that ended outranks one that runs), then the delivery's name, which only makes the order total.
set local lock_timeout = '5s';

create table github_events (
  organization_id uuid not null,
  event_id uuid not null,
  received_at timestamptz not null,
  event varchar(100) not null,
  action varchar(100),
  delivery_guid varchar(100),
  hook_id varchar(40),
  installation_id bigint,
  github_organization varchar(200),
  repository_external_id varchar(40),
  repository varchar(300),
  sender varchar(200),
  sender_type varchar(40),
  ref varchar(500),
  branch varchar(400),
  head_sha varchar(64),
  number bigint,
  title text,
  state varchar(60),
  conclusion varchar(60),
  is_merged boolean,
  commit_count integer,
  url text,
  provider_time timestamptz,
  primary key (organization_id, event_id, received_at)
) partition by range (received_at);

create index idx_github_events_repository on github_events (organization_id, repository, received_at desc);
create index idx_github_events_event on github_events (organization_id, event, action, received_at desc);
create index idx_github_events_head_sha on github_events (organization_id, head_sha) where head_sha is not null;

create table slack_events (
  organization_id uuid not null,
  event_id uuid not null,
  received_at timestamptz not null,
  event varchar(100) not null,
  subtype varchar(100),
  slack_event_id varchar(100),
  team_id varchar(40),
  api_app_id varchar(40),
  channel_id varchar(40),
  user_id varchar(40),
  bot_id varchar(40),
  text text,
  reaction varchar(200),
  ts varchar(40),
  thread_ts varchar(40),
  -- The message a reaction, an edit or a deletion is about.
  item_channel_id varchar(40),
  item_ts varchar(40),
  provider_time timestamptz,
  primary key (organization_id, event_id, received_at)
) partition by range (received_at);

create index idx_slack_events_channel on slack_events (organization_id, channel_id, received_at desc);
create index idx_slack_events_event on slack_events (organization_id, event, subtype, received_at desc);
create index idx_slack_events_user on slack_events (organization_id, user_id, received_at desc);

create table linear_events (
  organization_id uuid not null,
  event_id uuid not null,
  received_at timestamptz not null,
  type varchar(100) not null,
  action varchar(40) not null,
  delivery_id varchar(100),
  linear_organization_id varchar(100),
  webhook_id varchar(100),
  entity_id varchar(100),
  identifier varchar(60),
  title text,
  state varchar(200),
  state_type varchar(60),
  priority integer,
  team_id varchar(100),
  team_key varchar(40),
  project_id varchar(100),
  cycle_id varchar(100),
  issue_id varchar(100),
  assignee_id varchar(100),
  actor_id varchar(100),
  actor_name varchar(200),
  url text,
  provider_time timestamptz,
  primary key (organization_id, event_id, received_at)
) partition by range (received_at);

create index idx_linear_events_type on linear_events (organization_id, type, action, received_at desc);
create index idx_linear_events_entity on linear_events (organization_id, entity_id, received_at desc);
create index idx_linear_events_team on linear_events (organization_id, team_key, received_at desc);

create table deployment_events (
  organization_id uuid not null,
  event_id uuid not null,
  received_at timestamptz not null,
  provider varchar(20) not null,
  deployment_id varchar(300) not null,
  state varchar(20) not null,
  provider_state varchar(60),
  environment varchar(200),
  project varchar(300),
  repository varchar(300),
  sha varchar(64),
  ref varchar(500),
  actor varchar(200),
  url text,
  log_url text,
  provider_time timestamptz,
  primary key (organization_id, event_id, received_at)
) partition by range (received_at);

create index idx_deployment_events_deployment on deployment_events (organization_id, provider, deployment_id);
create index idx_deployment_events_environment on deployment_events (organization_id, environment, state, received_at desc);
create index idx_deployment_events_sha on deployment_events (organization_id, sha) where sha is not null;

-- Ids of what comes from a provider are made of the organization and the provider's id, so that every order of events
-- makes the same ones.
create table repositories (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references organizations (id) on delete cascade,
  provider varchar(20) not null,
  external_id varchar(100) not null,
  full_name varchar(300) not null,
  owner varchar(200) not null,
  name varchar(200) not null,
  default_branch varchar(400),
  description text,
  language varchar(100),
  url text,
  is_private boolean,
  is_fork boolean,
  is_archived boolean,
  pushed_at timestamptz,
  deleted_at timestamptz,
  analysis_config jsonb not null default '{}',
  version_time timestamptz not null,
  version_rank smallint not null,
  version_key varchar(400) not null,
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp,
  unique (organization_id, provider, external_id),
  unique (organization_id, id)
);

create index idx_repositories_full_name on repositories (organization_id, full_name);

create table repository_branches (
  organization_id uuid not null,
  repository_id uuid not null,
  name varchar(400) not null,
  head_sha varchar(64),
  head_message varchar(500),
  head_author varchar(200),
  head_committed_at timestamptz,
  pusher varchar(200),
  commit_count integer,
  is_forced boolean,
  url text,
  deleted_at timestamptz,
  version_time timestamptz not null,
  version_rank smallint not null,
  version_key varchar(400) not null,
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp,
  primary key (organization_id, repository_id, name),
  foreign key (organization_id, repository_id) references repositories (organization_id, id) on delete cascade
);

-- A commit never changes, so the first push that brings it decides.
create table repository_commits (
  organization_id uuid not null,
  repository_id uuid not null,
  sha varchar(64) not null,
  message varchar(500),
  author varchar(200),
  committed_at timestamptz,
  url text,
  created_at timestamptz not null default current_timestamp,
  primary key (organization_id, repository_id, sha),
  foreign key (organization_id, repository_id) references repositories (organization_id, id) on delete cascade
);

create index idx_repository_commits_committed_at on repository_commits (organization_id, committed_at desc);

create table projects (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references organizations (id) on delete cascade,
  name varchar(255) not null check (name <> ''),
  description text,
  status varchar(20) not null default 'planning'
    check (status in ('planning', 'active', 'paused', 'completed', 'cancelled')),
  priority integer,
  lead varchar(200),
  goals jsonb not null default '[]',
  start_date date,
  target_date date,
  completed_at timestamptz,
  -- Null for a project made here.
  source varchar(20),
  external_id varchar(100),
  url text,
  metadata jsonb not null default '{}',
  deleted_at timestamptz,
  version_time timestamptz not null default '-infinity',
  version_rank smallint not null default 0,
  version_key varchar(400) not null default '',
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp,
  unique (organization_id, source, external_id),
  unique (organization_id, id)
);

create table project_repositories (
  organization_id uuid not null,
  project_id uuid not null,
  repository_id uuid not null,
  is_primary boolean not null default false,
  created_at timestamptz not null default current_timestamp,
  primary key (organization_id, project_id, repository_id),
  foreign key (organization_id, project_id) references projects (organization_id, id) on delete cascade,
  foreign key (organization_id, repository_id) references repositories (organization_id, id) on delete cascade
);

create index idx_project_repositories_repository on project_repositories (organization_id, repository_id);

-- The state of each deployment. Its rank comes before its time: an end is never overwritten by a beginning that is late.
create table deployment_records (
  organization_id uuid not null references organizations (id) on delete cascade,
  provider varchar(20) not null,
  external_id varchar(300) not null,
  state varchar(20) not null check (
    state in ('queued', 'in_progress', 'success', 'failure', 'cancelled', 'inactive', 'unknown')
  ),
  provider_state varchar(60),
  environment varchar(200),
  project varchar(300),
  repository_id uuid,
  repository varchar(300),
  sha varchar(64),
  ref varchar(500),
  actor varchar(200),
  description text,
  url text,
  log_url text,
  started_at timestamptz,
  finished_at timestamptz,
  event_id uuid not null,
  version_rank smallint not null,
  version_time timestamptz not null,
  version_key varchar(400) not null,
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp,
  primary key (organization_id, provider, external_id)
);

create index idx_deployment_records_environment on deployment_records (organization_id, environment, started_at desc);
create index idx_deployment_records_repository on deployment_records (organization_id, repository, started_at desc);
create index idx_deployment_records_sha on deployment_records (organization_id, sha) where sha is not null;

-- The current state of what else events tell about: pull requests, issues, checks, workflow runs, alerts, releases,
-- comments and cycles.
create table tracked_items (
  organization_id uuid not null references organizations (id) on delete cascade,
  source varchar(20) not null,
  kind varchar(40) not null,
  external_id varchar(200) not null,
  repository_id uuid,
  repository varchar(300),
  number bigint,
  identifier varchar(60),
  title text,
  state varchar(200),
  conclusion varchar(60),
  severity varchar(40),
  author varchar(200),
  assignee varchar(200),
  branch varchar(400),
  base_branch varchar(400),
  head_sha varchar(64),
  merge_sha varchar(64),
  parent_id varchar(200),
  url text,
  opened_at timestamptz,
  closed_at timestamptz,
  deleted_at timestamptz,
  event_id uuid not null,
  version_time timestamptz not null,
  version_rank smallint not null,
  version_key varchar(400) not null,
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp,
  primary key (organization_id, source, kind, external_id)
);

create index idx_tracked_items_repository on tracked_items (organization_id, repository, kind, version_time desc);
create index idx_tracked_items_head_sha on tracked_items (organization_id, head_sha) where head_sha is not null;

-- Who wants to be told. Patterns are names of types with `*` for any run of characters: github.pull_request.*
create table event_subscriptions (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references organizations (id) on delete cascade,
  name varchar(255) not null check (name <> ''),
  event_types text[] not null check (cardinality(event_types) between 1 and 50),
  source_id uuid,
  repositories text[] check (cardinality(repositories) between 1 and 100),
  project_id uuid,
  conditions jsonb,
  target_kind varchar(20) not null check (target_kind in ('https', 'pubsub')),
  target varchar(2000) not null,
  -- References, newest first: [{"reference": …, "not_after": ISO time or null}]. A delivery is signed with all that hold.
  secrets jsonb not null default '[]',
  is_active boolean not null default true,
  disabled_reason varchar(200),
  first_failure_at timestamptz,
  last_success_at timestamptz,
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp,
  unique (organization_id, name),
  unique (organization_id, id),
  foreign key (organization_id, source_id) references event_sources (organization_id, id) on delete cascade,
  foreign key (organization_id, project_id) references projects (organization_id, id) on delete cascade
);

create index idx_event_subscriptions_active on event_subscriptions (organization_id) where is_active;

-- One for each event, subscription and generation: a replay of the event makes a generation of its own.
create table event_deliveries (
  organization_id uuid not null,
  id uuid not null,
  event_id uuid not null,
  event_received_at timestamptz not null,
  subscription_id uuid not null,
  generation integer not null,
  status varchar(20) not null default 'pending'
    check (status in ('pending', 'delivering', 'delivered', 'failed', 'dead_letter', 'cancelled')),
  attempts integer not null default 0,
  next_attempt_at timestamptz,
  last_attempt_at timestamptz,
  last_status integer,
  last_error varchar(500),
  delivered_at timestamptz,
  created_at timestamptz not null default current_timestamp,
  primary key (organization_id, id, event_received_at),
  unique (organization_id, event_id, subscription_id, generation, event_received_at),
  constraint due_while_unfinished check (
    (next_attempt_at is not null) = (status in ('pending', 'delivering', 'failed'))
  )
) partition by range (event_received_at);

create index idx_event_deliveries_due on event_deliveries (next_attempt_at) where next_attempt_at is not null;
create index idx_event_deliveries_subscription on event_deliveries (organization_id, subscription_id, created_at desc);

do $$
declare
  name text;
begin
  foreach name in array array [
    'github_events', 'slack_events', 'linear_events', 'deployment_events', 'repositories', 'repository_branches',
    'repository_commits', 'projects', 'project_repositories', 'deployment_records', 'tracked_items',
    'event_subscriptions', 'event_deliveries'
  ]
  loop
    execute format('alter table %I enable row level security', name);
    execute format(
      'create policy tenant_isolation on %I to netra_app using (organization_id = current_organization_id()) '
      'with check (organization_id = current_organization_id())', name
    );
    execute format('create policy system_jobs on %I to netra_system using (true) with check (true)', name);
    execute format('grant select, insert, update on %I to netra_app', name);
    execute format('grant select, update, delete on %I to netra_system', name);
  end loop;
end
$$;

-- The analytics copy is fed from one queue. No release has carried the old names.
alter table analytics_outbox rename column execution_ids to record_ids;
alter table analytics_outbox rename column execution_timestamps to record_timestamps;
alter table analytics_outbox add column kind varchar(20) not null default 'executions'
  check (kind in ('executions', 'events'));

/* Whether a value satisfies a condition. A condition is one of
     {"all": [conditions]}, {"any": [conditions]}, {"not": condition}, or
     {"path": "/pull_request/base/ref", <one or more of: "eq", "in", "exists", "prefix", "gt", "gte", "lt", "lte">: …}
   with an RFC 6901 pointer into the payload. A path that leads nowhere satisfies only "exists": false. Anything else, lists
   of no conditions too, matches nothing: what is not understood is not sent out. */
create function event_condition_holds(payload jsonb, condition jsonb) returns boolean
  language plpgsql immutable parallel safe
as
$$
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
$$;

/* Whether a condition is of the form above. Without this, a mistake below a "not" would match everything. */
create function event_condition_is_valid(condition jsonb) returns boolean
  language plpgsql immutable parallel safe
as
$$
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
$$;

alter table event_subscriptions add constraint conditions_are_valid
  check (
    conditions is null
    or event_condition_is_valid(conditions) and not jsonb_path_exists(conditions, '$.**{41 to last}')
  );

/* Whether a name fits a pattern in which `*` stands for any run of characters. */
create function event_name_matches(name text, pattern text) returns boolean
  language sql immutable parallel safe
  return name like replace(replace(replace(replace(pattern, '\', '\\'), '%', '\%'), '_', '\_'), '*', '%');

/* Whether an event of the current organization is one its subscription asks for. A pattern may name the type with its
   action (github.pull_request.opened) or without (github.pull_request). */
create function event_matches(e events, s event_subscriptions) returns boolean
  language sql stable
  return s.organization_id = e.organization_id
    and exists (
      select from unnest(s.event_types) as wanted(pattern)
      where event_name_matches(e.event_type, wanted.pattern)
        or event_name_matches(e.event_type || '.' || coalesce(e.action, ''), wanted.pattern)
    )
    and (s.source_id is null or s.source_id = e.source_id)
    and (s.repositories is null or exists (
      select from unnest(s.repositories) as wanted(pattern)
      where event_name_matches(lower(e.repository), lower(wanted.pattern))
    ))
    and (s.project_id is null or exists (
      select from project_repositories p
        join repositories r on r.organization_id = p.organization_id and r.id = p.repository_id
        left join github_events g
          on g.organization_id = e.organization_id and g.event_id = e.id and g.received_at = e.received_at
      where p.organization_id = s.organization_id and p.project_id = s.project_id
        -- GitHub's id outlives a rename; other senders know repositories by name only.
        and case when g.repository_external_id is null then r.full_name = e.repository
          else r.provider = 'github' and r.external_id = g.repository_external_id end
    ))
    and (s.conditions is null or event_condition_holds(e.payload, s.conditions));

create function check_subscription_match(wanted_event uuid, wanted_subscription uuid) returns boolean
  language sql stable
  return exists (
    select from events e, event_subscriptions s
    where e.id = wanted_event and s.id = wanted_subscription and event_matches(e, s)
  );

/* Picks up to `events_max` events that are due: those nobody was told of, whose retry has come, or whose worker is gone.
   They become pending and are not due again for five minutes, so that two sweeps at once tell of each once. Tell the
   workers of what is returned after the commit. */
create function process_pending_events(events_max integer)
  returns table (organization_id uuid, id uuid, received_at timestamptz)
  language sql
  begin atomic
    with due as (
      select e.organization_id, e.id, e.received_at
      from events e
      where e.next_attempt_at <= now()
      order by e.next_attempt_at
      limit events_max
      for update skip locked
    )
    update events e set status = 'pending', next_attempt_at = now() + interval '5 minutes'
    from due
    where e.organization_id = due.organization_id and e.id = due.id and e.received_at = due.received_at
    returning e.organization_id, e.id, e.received_at;
  end;

/* The same for deliveries to subscribers. */
create function process_pending_deliveries(deliveries_max integer)
  returns table (organization_id uuid, id uuid, event_received_at timestamptz)
  language sql
  begin atomic
    with due as (
      select d.organization_id, d.id, d.event_received_at
      from event_deliveries d
      where d.next_attempt_at <= now()
      order by d.next_attempt_at
      limit deliveries_max
      for update skip locked
    )
    update event_deliveries d set status = 'pending', next_attempt_at = now() + interval '5 minutes'
    from due
    where d.organization_id = due.organization_id and d.id = due.id and d.event_received_at = due.event_received_at
    returning d.organization_id, d.id, d.event_received_at;
  end;

/* Removes up to `events_max` events that have ended and are older than their type's days (90 where it has none), with what
   was made of each alone: its typed row, its tries, its deliveries. Keys stay, so that a late repeat is still a repeat.
   Returns how many went; call it until that is 0. Needs the rights of the system jobs. */
create function cleanup_old_events(events_max integer default 10000) returns integer
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

revoke all on function process_pending_events(integer) from public;
revoke all on function process_pending_deliveries(integer) from public;
revoke all on function cleanup_old_events(integer) from public;
grant execute on function process_pending_events(integer) to netra_system;
grant execute on function process_pending_deliveries(integer) to netra_system;
grant execute on function cleanup_old_events(integer) to netra_system;
