import {
  listShipped,
  type ShippedQuery,
  type StoredMeasures,
  type StoredShippedRow,
} from "../../../shared/postgres/shipped.ts";
import type { Reader } from "../../../shared/postgres/replicas.ts";
import { orUnavailable } from "../sources.ts";
import { writeShippedToken } from "./page-token.ts";
import { EVIDENCE, REASONS } from "./reasons.ts";

/** Sums over executions that have ended. Amounts are exact decimal dollars; null where nothing is known. */
interface Measures extends StoredMeasures {
  /** Executions of these that are split among several targets: counted here for one, their tokens and cost in shares. */
  shared_executions: number;
}

interface Share extends Measures {
  /** Of the total, for display; null where that is nothing. */
  share_of_executions: number | null;
  share_of_cost: number | null;
}

/** The answer of `GET /v1/shipped`. `attributed` and `unattributed` add up to `total`, and the reasons to the latter. */
export interface ShippedAnswer {
  by: ShippedQuery["by"];
  from: string;
  /** The first moment that no longer counts. */
  to: string;
  total: Measures;
  attributed: Share;
  unattributed: Share & { reasons: (Share & { reason: string; says: string })[] };
  /** Targets that fit the filters, on this page or not, and what they come to. */
  groups: number;
  listed: Measures;
  rows: Record<string, unknown>[];
  next_page_token: string | null;
}

export async function answerShipped(
  reader: Pick<Reader, "read">,
  organizationId: string,
  query: ShippedQuery,
): Promise<ShippedAnswer> {
  const stored = await orUnavailable(
    reader.read(organizationId, (sql) => listShipped(sql, organizationId, query)),
  );
  const whole = one(stored, "whole");
  const share = (row: StoredShippedRow): Share => ({
    ...measures(row),
    share_of_executions: ratio(row.executions, whole.executions),
    share_of_cost: ratio(Number(row.cost_usd ?? 0), Number(whole.cost_usd ?? 0)),
  });
  const listed = one(stored, "listed");
  const groups = listed.groups ?? 0;
  const rows = stored.filter(({ kind }) => kind === "row");
  const next = query.offset + rows.length;
  return {
    by: query.by,
    from: query.from.toISOString(),
    to: query.to.toISOString(),
    total: measures(whole),
    attributed: share(one(stored, "attributed")),
    unattributed: {
      ...share(one(stored, "unattributed")),
      reasons: stored
        .filter(({ kind }) => kind === "reason")
        .map((row) =>
          Object.assign({ reason: row.name ?? "", says: REASONS[row.name ?? ""] ?? "" }, share(row)),
        ),
    },
    groups,
    listed: measures(listed),
    rows: rows.map((row) => describe(row, stored)),
    next_page_token: rows.length > 0 && next < groups ? writeShippedToken({ ...query, offset: next }) : null,
  };
}

function describe(row: StoredShippedRow, stored: readonly StoredShippedRow[]): Record<string, unknown> {
  const evidence = stored.filter(({ kind, target }) => kind === "evidence" && target === row.target);
  return {
    ...(row.about === null ? {} : withTimes(row.about)),
    state: row.state,
    ...measures(row),
    people: row.people,
    sessions: row.sessions,
    first_execution_at: row.first_at?.toISOString() ?? null,
    last_execution_at: row.last_at?.toISOString() ?? null,
    evidence: evidence.map((link) =>
      Object.assign({ by: link.name, ...EVIDENCE[link.name ?? ""] }, measures(link)),
    ),
  };
}

/** Moments come as milliseconds in members that end in `_at`. */
function withTimes(about: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(about).map(([name, value]) => [
      name,
      name.endsWith("_at") && typeof value === "number" ? new Date(value).toISOString() : value,
    ]),
  );
}

function measures(row: StoredShippedRow): Measures {
  const { executions, failures, total_tokens, unmeasured, cost_usd, unpriced, shared } = row;
  return { executions, failures, total_tokens, unmeasured, cost_usd, unpriced, shared_executions: shared };
}

function one(rows: readonly StoredShippedRow[], kind: StoredShippedRow["kind"]): StoredShippedRow {
  const found = rows.find((row) => row.kind === kind);
  if (found === undefined) throw new Error(`the ledger answered no ${kind}`);
  return found;
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}
