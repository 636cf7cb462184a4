-- What an organization's past has taught about predicting a command before it runs: a model for each organization, evidence
-- for each key of a level, and where the learning stands. All of it can be learned again from the ledger.
set local lock_timeout = '5s';

create table prediction_models (
  organization_id uuid primary key references organizations (id) on delete cascade,
  -- Of the learner that wrote the row and its evidence; another one's is left alone by whoever predicts.
  version smallint not null,
  executions bigint not null,
  -- The latest end that was learned: what ended before it and comes later is late.
  last_ended_at timestamptz not null,
  -- By quantity: what a prediction needs besides the evidence.
  models jsonb not null,
  -- What the learner goes on from. Nobody else reads it.
  learner jsonb not null,
  updated_at timestamptz not null default current_timestamp
);

alter table prediction_models enable row level security;
create policy tenant_isolation on prediction_models for select to netra_app
  using (organization_id = current_organization_id());
create policy system_jobs on prediction_models to netra_system using (true) with check (true);
grant select (organization_id, version, executions, last_ended_at, models, updated_at) on prediction_models to netra_app;
grant select, insert, update, delete on prediction_models to netra_system;

-- One row for each key, with the summaries of all quantities: a prediction reads at most eight rows by their keys, and an
-- execution that is learned writes as many.
create table prediction_levels (
  organization_id uuid not null references organizations (id) on delete cascade,
  -- The first 16 bytes of the SHA-256 of level and key: keys hold names of repositories and can be long.
  key_hash bytea not null check (octet_length(key_hash) = 16),
  level varchar(30) not null,
  executions bigint not null check (executions >= 0),
  failed bigint not null check (failed >= 0 and failed <= executions),
  -- Count, weight, mean, variance and latest time of each quantity's logarithm, in the encoding of
  -- shared/agent/prediction/key-evidence.ts.
  summaries bytea not null,
  primary key (organization_id, key_hash)
);

alter table prediction_levels enable row level security;
create policy tenant_isolation on prediction_levels for select to netra_app
  using (organization_id = current_organization_id());
create policy system_jobs on prediction_levels to netra_system using (true) with check (true);
grant select on prediction_levels to netra_app;
grant select, insert, update, delete on prediction_levels to netra_system;

/* Everything that one prediction reads, in one round trip: the tenant is set before the tables are looked at, for this
   statement alone. A row for each key that has evidence, and one without a key that holds the model; none without a model of
   the version. */
create function prediction_evidence(organization uuid, learner_version smallint, hashes bytea[])
  returns table (key_hash bytea, executions bigint, failed bigint, summaries bytea, models jsonb, last_ended_at timestamptz)
  language plpgsql volatile
  set search_path = public, pg_temp
as
$$
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
$$;

revoke all on function prediction_evidence(uuid, smallint, bytea[]) from public;
grant execute on function prediction_evidence(uuid, smallint, bytea[]) to netra_app;

-- One row: what has been learned. As pattern_state: what `seen` shows is learned, for every organization that is not still
-- to be learned anew.
create table prediction_state (
  only_row boolean primary key default true check (only_row),
  server text not null,
  version smallint not null,
  seen pg_snapshot not null,
  unseen_since timestamptz not null,
  organizations_to_replay uuid[] not null
);

alter table prediction_state enable row level security;
create policy system_jobs on prediction_state to netra_system using (true) with check (true);
grant select, insert, update, delete on prediction_state to netra_system;
