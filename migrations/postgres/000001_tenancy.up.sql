-- Organizations, their users and keys, and the two roles every later table grants to. Tenants are kept apart by row-level
-- security from the first table on.
set local lock_timeout = '5s';

-- Roles belong to the whole server, so another database on it may have made them already.
do $$
begin
  create role netra_app nologin;
exception when duplicate_object or unique_violation then null;
end
$$;

-- For jobs that work for every organization (the analytics relay, retention). A login must be granted it
-- WITH INHERIT FALSE, SET TRUE: otherwise its policies would apply to every query of that login.
do $$
begin
  create role netra_system nologin;
exception when duplicate_object or unique_violation then null;
end
$$;

grant usage on schema public to netra_app, netra_system;

/* The tenant of the current transaction; null, and so no row at all, when none was set. */
create function current_organization_id() returns uuid
  language sql stable parallel safe
  return nullif(current_setting('app.organization_id', true), '')::uuid;

create function update_updated_at_column() returns trigger
  language plpgsql as
$$
begin
  new.updated_at = current_timestamp;
  return new;
end
$$;

create table organizations (
  id uuid primary key default gen_random_uuid(),
  name varchar(255) not null check (name <> ''),
  slug varchar(100) not null unique check (slug ~ '^[a-z0-9]([a-z0-9-]*[a-z0-9])?$'),
  is_demo boolean not null default false,
  settings jsonb not null default '{}',
  metadata jsonb not null default '{}',
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp
);

create trigger update_organizations_updated_at before update on organizations
  for each row execute function update_updated_at_column();

alter table organizations enable row level security;
create policy tenant_isolation on organizations for select to netra_app using (id = current_organization_id());
create policy system_jobs on organizations for select to netra_system using (true);
grant select on organizations to netra_app, netra_system;

-- A person in two organizations has two rows; what was a superuser flag is the role within the organization.
create table users (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references organizations (id) on delete cascade,
  email varchar(255) not null check (email = lower(email)),
  name varchar(255),
  role varchar(20) not null default 'member' check (role in ('owner', 'admin', 'member', 'viewer')),
  password_hash varchar(255),
  oauth_provider varchar(50),
  oauth_id varchar(255),
  picture text,
  is_active boolean not null default true,
  preferences jsonb not null default '{}',
  metadata jsonb not null default '{}',
  created_at timestamptz not null default current_timestamp,
  updated_at timestamptz not null default current_timestamp,
  last_login_at timestamptz,
  unique (organization_id, email),
  unique (organization_id, id)
);

create index idx_users_oauth on users (oauth_provider, oauth_id) where oauth_id is not null;
create index idx_users_created_at on users (created_at);

create trigger update_users_updated_at before update on users
  for each row execute function update_updated_at_column();

alter table users enable row level security;
create policy tenant_isolation on users for select to netra_app using (organization_id = current_organization_id());
-- Password hashes and OAuth identities are not for the functions.
grant select (id, organization_id, email, name, role, is_active, created_at, last_login_at) on users to netra_app;

-- The key itself is never stored: its SHA-256 finds it, its first characters let people tell keys apart.
create table api_keys (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null,
  user_id uuid not null,
  name varchar(255) not null check (name <> ''),
  key_hash bytea not null unique check (octet_length(key_hash) = 32),
  key_prefix varchar(20) not null,
  scopes text[] not null check (scopes <@ array ['ingest', 'read', 'admin'] and cardinality(scopes) > 0),
  is_active boolean not null default true,
  last_used_at timestamptz,
  expires_at timestamptz,
  revoked_at timestamptz,
  created_at timestamptz not null default current_timestamp,
  metadata jsonb not null default '{}',
  foreign key (organization_id, user_id) references users (organization_id, id) on delete cascade
);

create index idx_api_keys_organization on api_keys (organization_id, created_at desc);
create index idx_api_keys_user_id on api_keys (organization_id, user_id);

alter table api_keys enable row level security;
create policy tenant_isolation on api_keys to netra_app
  using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());
grant select (id, organization_id, user_id, name, key_prefix, scopes, is_active, last_used_at, expires_at, revoked_at, created_at)
  on api_keys to netra_app;
grant update (last_used_at) on api_keys to netra_app;

/* Who holds the key with this SHA-256. The one look-up made before the tenant is known, so it runs with the owner's rights
   and answers nothing but what authentication needs. */
create function find_api_key(hash bytea)
  returns table (id uuid, organization_id uuid, user_id uuid, scopes text[], is_active boolean, expires_at timestamptz)
  language sql stable security definer
  set search_path = public, pg_temp
  begin atomic
    select k.id, k.organization_id, k.user_id, k.scopes, k.is_active and u.is_active, k.expires_at
    from api_keys k
      join users u on u.id = k.user_id
    where k.key_hash = hash;
  end;

revoke all on function find_api_key(bytea) from public;
grant execute on function find_api_key(bytea) to netra_app;

-- Append only: the functions may add and read, never change.
create table audit_logs (
  id bigint generated always as identity primary key,
  organization_id uuid not null,
  user_id uuid references users (id) on delete set null,
  action varchar(100) not null,
  resource_type varchar(100),
  resource_id varchar(255),
  ip_address inet,
  user_agent text,
  request_id varchar(255),
  response_status integer,
  created_at timestamptz not null default current_timestamp,
  metadata jsonb not null default '{}'
);

create index idx_audit_logs_organization on audit_logs (organization_id, created_at desc);
create index idx_audit_logs_user_id on audit_logs (user_id);
create index idx_audit_logs_action on audit_logs (organization_id, action, created_at desc);
create index idx_audit_logs_resource on audit_logs (organization_id, resource_type, resource_id);

alter table audit_logs enable row level security;
create policy tenant_isolation on audit_logs to netra_app
  using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());
grant select, insert on audit_logs to netra_app;
