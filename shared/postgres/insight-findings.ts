import type { Sql } from "./pool.ts";

export const FINDING_STATES = ["open", "acknowledged", "muted", "done"] as const;
export type FindingState = (typeof FINDING_STATES)[number];

/** What somebody has decided about a finding. Money is decimal dollars. */
export interface FindingDecision {
  findingId: string;
  rule: string;
  subject: Record<string, string | null>;
  /** The finding as it was shown when this was decided. */
  snapshot: unknown;
  state: FindingState;
  mutedUntil: Date | null;
  note: string | null;
  doneAt: Date | null;
  promisedUsdPerMonth: string | null;
  baseline: { costUsd: string; units: number; unit: string } | null;
}

export interface StoredDecision extends FindingDecision {
  changedAt: Date;
  /** Name or address of who did; null when that person is gone. */
  changedBy: string | null;
}

/** More findings than this an organization has never acted on; the newest count. */
const DECISIONS_MAX = 10_000;
const COLUMNS = `f.finding_id, f.rule, f.subject, f.snapshot, f.state, f.muted_until, f.note, f.done_at,
  f.promised_usd_per_month, f.baseline_cost_usd, f.baseline_units, f.baseline_unit, f.changed_at,
  coalesce(nullif(u.name, ''), u.email) as changed_by`;
const FROM = `insight_findings f left join users u on u.organization_id = f.organization_id and u.id = f.changed_by`;

interface Row {
  finding_id: string;
  rule: string;
  subject: Record<string, string | null>;
  snapshot: unknown;
  state: FindingState;
  muted_until: Date | null;
  note: string | null;
  done_at: Date | null;
  promised_usd_per_month: string | null;
  baseline_cost_usd: string | null;
  baseline_units: number | null;
  baseline_unit: string | null;
  changed_at: Date;
  changed_by: string | null;
}

const LIST = `select ${COLUMNS} from ${FROM} where f.organization_id = $1 order by f.changed_at desc, f.finding_id limit ${DECISIONS_MAX}`;

/** Runs in a transaction of the organization. */
export async function listDecisions(sql: Sql, organizationId: string): Promise<StoredDecision[]> {
  const { rows } = await sql.query<Row>({ name: "list-decisions", text: LIST, values: [organizationId] });
  return rows.map(readRow);
}

const LOCK = "select pg_advisory_xact_lock(hashtextextended($1 || ' ' || $2, 9))";
const FIND = `select ${COLUMNS} from ${FROM} where f.organization_id = $1 and f.finding_id = $2`;

/** The decision about one finding, which nobody else changes until the transaction ends; null when there is none. */
export async function findDecisionToChange(
  sql: Sql,
  organizationId: string,
  id: string,
): Promise<StoredDecision | null> {
  await sql.query(LOCK, [organizationId, id]);
  const { rows } = await sql.query<Row>(FIND, [organizationId, id]);
  return rows[0] === undefined ? null : readRow(rows[0]);
}

function readRow(row: Row): StoredDecision {
  const { baseline_cost_usd: costUsd, baseline_units: units, baseline_unit: unit } = row;
  return {
    findingId: row.finding_id,
    rule: row.rule,
    subject: row.subject,
    snapshot: row.snapshot,
    state: row.state,
    mutedUntil: row.muted_until,
    note: row.note,
    doneAt: row.done_at,
    promisedUsdPerMonth: row.promised_usd_per_month,
    baseline: costUsd === null || units === null || unit === null ? null : { costUsd, units, unit },
    changedAt: row.changed_at,
    changedBy: row.changed_by,
  };
}

const SAVED = [
  "rule",
  "subject",
  "snapshot",
  "state",
  "muted_until",
  "note",
  "done_at",
  "promised_usd_per_month",
  "baseline_cost_usd",
  "baseline_units",
  "baseline_unit",
  "changed_by",
  "changed_at",
];
const SAVE = `
insert into insight_findings (organization_id, finding_id, ${SAVED.join(", ")})
values ($1, $2, ${SAVED.map((_, index) => `$${index + 3}`).join(", ")})
on conflict (organization_id, finding_id) do update
set ${SAVED.map((name) => `${name} = excluded.${name}`).join(", ")}`;

/** Stores a decision in the place of the one before. Runs in a transaction of the organization. */
export async function saveDecision(
  sql: Sql,
  organizationId: string,
  decision: FindingDecision,
  changed: { by: string; at: Date },
): Promise<void> {
  await sql.query(SAVE, [
    organizationId,
    decision.findingId,
    decision.rule,
    JSON.stringify(decision.subject),
    JSON.stringify(decision.snapshot),
    decision.state,
    decision.mutedUntil?.toISOString() ?? null,
    decision.note,
    decision.doneAt?.toISOString() ?? null,
    decision.promisedUsdPerMonth,
    decision.baseline?.costUsd ?? null,
    decision.baseline?.units ?? null,
    decision.baseline?.unit ?? null,
    changed.by,
    changed.at.toISOString(),
  ]);
}
