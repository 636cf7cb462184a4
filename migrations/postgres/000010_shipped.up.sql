-- What ties executions to what was shipped: the names repositories had and since when, the repository a pull request's
-- branch is in, and the ways to look these up.
set local lock_timeout = '5s';

/* The name of a repository as webhooks write it (`owner/name`, in lower case), whatever form a client told it in: an
   address of any scheme with or without credentials and port, `git@host:owner/name.git`, `host/owner/name`, the address of
   a page within it. Null when nothing is left. */
create function repository_key(told text) returns text
  language sql immutable strict parallel safe
  return nullif(
    lower(
      regexp_replace(
        regexp_replace(
          regexp_replace(
            btrim(told, E' \t\r\n'),
            '^(?:[a-z][a-z0-9+.-]*://[^/]*/+|(?:[^@/\s:]+@)?[^@/\s:]+:(?!//)/*|(?:[^@/\s]+@)?[a-z0-9-]+(?:\.[a-z0-9-]+)+(?::[0-9]+)?/(?=[^/]+/))',
            '', 'i'
          ),
          '^([^/]+/[^/].*?)/(?:-/)?(?:tree|blob|commits?|pulls?|issues|merge_requests|actions|releases)(?:/.*)?$', '\1', 'i'
        ),
        '(?:\.git)?/*$', '', 'i'
      )
    ),
    ''
  );

-- A renamed repository keeps its id, and another may take its old name. Written by the events that mention the name: the
-- earliest moment stays, so any order of events ends alike. A fork that only pull requests tell of has a name here and no
-- row among the repositories.
create table repository_names (
  organization_id uuid not null references organizations (id) on delete cascade,
  name varchar(300) not null,
  repository_id uuid not null,
  first_seen timestamptz not null,
  created_at timestamptz not null default current_timestamp,
  primary key (organization_id, name, repository_id)
);

alter table repository_names enable row level security;
create policy tenant_isolation on repository_names to netra_app
  using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());
create policy system_jobs on repository_names to netra_system using (true) with check (true);
grant select, insert, update on repository_names to netra_app;
grant select, update, delete on repository_names to netra_system;

insert into repository_names (organization_id, name, repository_id, first_seen)
select organization_id, name, repository_id, min(first_seen)
from (
  select g.organization_id, lower(g.repository) as name, r.id as repository_id, coalesce(g.provider_time, g.received_at) as first_seen
  from github_events g
    join repositories r
      on r.organization_id = g.organization_id and r.provider = 'github' and r.external_id = g.repository_external_id
  where g.repository is not null
  union all
  select organization_id, lower(full_name), id, version_time from repositories
) told
group by 1, 2, 3;

-- Where a pull request's branch is: the repository itself or a fork.
alter table tracked_items add column head_repository_id uuid;

create index idx_tracked_items_pull_requests on tracked_items (organization_id, repository_id, number)
  where source = 'github' and kind = 'pull_request';
create index idx_tracked_items_linear_issues on tracked_items (organization_id, identifier)
  where source = 'linear' and kind = 'issue';
create index idx_deployment_records_ended on deployment_records (organization_id, finished_at)
  where state in ('success', 'inactive');
