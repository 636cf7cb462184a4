-- What people have decided about findings of the insights function. The findings themselves are worked out from the ledger
-- each time; a row is here only for one that somebody has acted on.
set local lock_timeout = '5s';

create table insight_findings (
  organization_id uuid not null references organizations (id) on delete cascade,
  -- Made from the rule and what the finding is about, so that it stays the same while its figures move.
  finding_id varchar(80) not null,
  rule varchar(40) not null,
  subject jsonb not null,
  -- The finding as it was at that moment: one that is done is still shown when the rule finds nothing any more.
  snapshot jsonb not null,
  state varchar(20) not null check (state in ('open', 'acknowledged', 'muted', 'done')),
  muted_until timestamptz,
  note text,
  done_at timestamptz,
  -- What was promised when it was marked done; null where no money was.
  promised_usd_per_month numeric(30, 12),
  -- What the rule measured then, to be measured again afterwards.
  baseline_cost_usd numeric(30, 12),
  baseline_units bigint check (baseline_units > 0),
  baseline_unit varchar(20),
  changed_by uuid references users (id) on delete set null,
  changed_at timestamptz not null,
  primary key (organization_id, finding_id),
  check ((state = 'muted') = (muted_until is not null)),
  check ((state = 'done') = (done_at is not null)),
  check (done_at is not null or promised_usd_per_month is null),
  check ((baseline_cost_usd is null) = (baseline_units is null) and (baseline_units is null) = (baseline_unit is null)),
  check (done_at is not null or baseline_cost_usd is null)
);

alter table insight_findings enable row level security;
create policy tenant_isolation on insight_findings to netra_app
  using (organization_id = current_organization_id()) with check (organization_id = current_organization_id());
create policy system_jobs on insight_findings for select to netra_system using (true);
grant select, insert, update on insight_findings to netra_app;
grant select on insight_findings to netra_system;
