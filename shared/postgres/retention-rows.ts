import { arraysOf } from "./retention-months.ts";
import type { Cutoff, RetentionTarget } from "./retention-policies.ts";
import type { Sql } from "./pool.ts";

/** Tables whose rows are deleted when they are past, and the policy that says when. */
export const ROW_TABLES: readonly { table: string; target: RetentionTarget }[] = [
  { table: "audit_logs", target: "audit_logs" },
  { table: "event_processing_logs", target: "event_processing_logs" },
  { table: "event_keys", target: "event_keys" },
  { table: "event_content_keys", target: "event_keys" },
  { table: "ingest_keys", target: "ingest_keys" },
  { table: "rejected_requests", target: "rejected_requests" },
  { table: "pattern_daily_rollups", target: "aggregated_metrics" },
  { table: "daily_command_stats", target: "aggregated_metrics" },
  { table: "retention_counts", target: "audit_logs" },
];

const COUNT = `
select organization_id, row_count from count_past_rows(
  $1, $2::uuid[], (select array_agg(to_timestamp(ms / 1000) order by position) from unnest($3::double precision[]) with ordinality as u (ms, position)),
  to_timestamp($4::double precision / 1000)
)`;

/** Rows of one of the tables that are past, by organization. */
export async function countPastRows(
  sql: Sql,
  table: string,
  cutoffs: readonly Cutoff[],
): Promise<{ organizationId: string; rows: number }[]> {
  const { ids, befores, other } = arraysOf(cutoffs);
  const { rows } = await sql.query<{ organization_id: string; row_count: number }>(COUNT, [
    table,
    ids,
    befores,
    other,
  ]);
  return rows.map(({ organization_id, row_count }) => ({
    organizationId: organization_id,
    rows: row_count,
  }));
}

/** Deletes at most `rowsMax` rows from before `before` (ms since 1970) and returns how many there were. */
export async function deletePastRows(
  sql: Sql,
  options: { table: string; organizationId: string; before: number; rowsMax: number },
): Promise<number> {
  const { table, organizationId, before, rowsMax } = options;
  const { rows } = await sql.query<{ gone: number }>(
    "select delete_past_rows($1, $2, to_timestamp($3::double precision / 1000), $4) as gone",
    [table, organizationId, before, rowsMax],
  );
  return rows[0]?.gone ?? 0;
}

/** Removes some events past their type's days; 0 when none are left. */
export async function cleanUpOldEvents(sql: Sql, eventsMax: number): Promise<number> {
  const { rows } = await sql.query<{ gone: number }>("select cleanup_old_events($1) as gone", [eventsMax]);
  return rows[0]?.gone ?? 0;
}

const OLD_EVENTS = `
select e.organization_id, count(*) as past
from events e
  left join event_types own on own.organization_id = e.organization_id and own.type = e.event_type
  left join event_types built_in on built_in.organization_id is null and built_in.type = e.event_type
where e.next_attempt_at is null
  and e.received_at < now() - interval '2 hours' - make_interval(days => coalesce(own.retention_days, built_in.retention_days, 90))
  and e.received_at < now() - make_interval(days => (select least(min(retention_days), 90) from event_types))
  and e.id not in (select unnest(record_ids) from analytics_outbox where kind = 'events')
  and not exists (
    select from event_deliveries d
    where d.organization_id = e.organization_id and d.event_id = e.id and d.event_received_at = e.received_at
      and d.next_attempt_at is not null
  )
group by 1 order by 1`;

/** Events that have ended and are past their type's days, by organization. */
export async function countOldEvents(sql: Sql): Promise<{ organizationId: string; rows: number }[]> {
  const { rows } = await sql.query<{ organization_id: string; past: number }>(OLD_EVENTS);
  return rows.map(({ organization_id, past }) => ({ organizationId: organization_id, rows: past }));
}

export async function cleanUpExpiredContextData(sql: Sql, rowsMax: number): Promise<number> {
  const { rows } = await sql.query<{ gone: number }>("select cleanup_expired_context_data($1) as gone", [
    rowsMax,
  ]);
  return rows[0]?.gone ?? 0;
}

export interface MaintenanceAdvice {
  table_name: string;
  action: string;
  reason: string;
  statement: string;
}

/** What the server's statistics say should be done by hand, at most 20. */
export async function listMaintenance(sql: Sql): Promise<MaintenanceAdvice[]> {
  return (
    await sql.query<MaintenanceAdvice>(
      "select table_name, action, reason, statement from maintenance_recommendations order by dead_rows desc, table_name limit 20",
    )
  ).rows;
}
