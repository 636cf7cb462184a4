import type { Sql } from "./pool.ts";

/** Kinds of data that are kept for so many days. */
export const RETENTION_TARGETS = [
  "executions",
  "audit_logs",
  "event_processing_logs",
  "event_keys",
  "ingest_keys",
  "rejected_requests",
  "aggregated_metrics",
  "workload_events",
  "user_activity",
] as const;
export type RetentionTarget = (typeof RETENTION_TARGETS)[number];
export type RetentionAction = "archive" | "delete";

/** From which moment on an organization's data of a kind is kept. */
export interface Cutoff {
  /** Null for what belongs to no organization that there is. */
  organizationId: string | null;
  target: RetentionTarget;
  keepDays: number;
  action: RetentionAction;
  /** In ms since 1970. */
  before: number;
}

interface CutoffRow {
  organization_id: string | null;
  target: RetentionTarget;
  keep_days: number;
  action: RetentionAction;
  before_ms: number;
}

const CUTOFFS = `
select organization_id, target, keep_days, action, (extract(epoch from before) * 1000)::double precision as before_ms
from retention_cutoffs(to_timestamp($1::double precision / 1000))`;

/** The cut-offs of every organization and target, days counted back from `at` (ms since 1970). */
export async function listCutoffs(sql: Sql, at: number): Promise<Cutoff[]> {
  const { rows } = await sql.query<CutoffRow>(CUTOFFS, [at]);
  return rows.map((row) => ({
    organizationId: row.organization_id,
    target: row.target,
    keepDays: row.keep_days,
    action: row.action,
    before: row.before_ms,
  }));
}

/** The server's clock, in ms since 1970. */
export async function readServerTime(sql: Sql): Promise<number> {
  const { rows } = await sql.query<{ now: number }>(
    "select (extract(epoch from clock_timestamp()) * 1000)::double precision as now",
  );
  return rows[0]?.now ?? NaN;
}

export interface RetentionPolicy {
  organization: string | null;
  target: RetentionTarget;
  keep_days: number;
  action: RetentionAction;
}

const LIST = `
select o.slug as organization, p.target, p.keep_days, p.action
from retention_policies p left join organizations o on o.id = p.organization_id
order by o.slug nulls first, p.target`;

/** Every policy that was set, defaults first. */
export async function listRetentionPolicies(sql: Sql): Promise<RetentionPolicy[]> {
  return (await sql.query<RetentionPolicy>(LIST)).rows;
}

const SET = `
insert into retention_policies (organization_id, target, keep_days, action)
select $1::uuid, d.target, $3::integer, coalesce($4::text, d.action)
from retention_policies d where d.organization_id is null and d.target = $2::text
on conflict (organization_id, target) do update
set keep_days = excluded.keep_days, action = coalesce($4::text, retention_policies.action)`;

/** Sets a policy of an organization, or with null the default. Needs the owner's rights. */
export async function setRetentionPolicy(
  sql: Sql,
  organizationId: string | null,
  policy: { target: RetentionTarget; keepDays: number; action: RetentionAction | null },
): Promise<void> {
  await sql.query(SET, [organizationId, policy.target, policy.keepDays, policy.action]);
}

/** Lets the default apply to an organization again. Returns whether it had a policy of its own. */
export async function deleteRetentionPolicy(
  sql: Sql,
  organizationId: string,
  target: RetentionTarget,
): Promise<boolean> {
  const { rowCount } = await sql.query(
    "delete from retention_policies where organization_id = $1 and target = $2",
    [organizationId, target],
  );
  return (rowCount ?? 0) > 0;
}
