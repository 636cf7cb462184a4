import { PRICES } from "../../../shared/agent/prices.ts";
import type { InsightCells, InsightRange } from "../../../shared/insight-cells.ts";
import type { InsightSessions } from "../../../shared/insight-sessions.ts";
import { listInsightCells } from "../../../shared/postgres/insight-cells.ts";
import { type InsightFailures, listInsightFailures } from "../../../shared/postgres/insight-failures.ts";
import {
  type InsightPatternDay,
  listInsightPatternDays,
} from "../../../shared/postgres/insight-pattern-days.ts";
import { type InsightRequests, listInsightRequests } from "../../../shared/postgres/insight-requests.ts";
import { listInsightSessions } from "../../../shared/postgres/insight-sessions.ts";
import { prepareAddingUp } from "../../../shared/postgres/insight-values.ts";
import type { Sql } from "../../../shared/postgres/pool.ts";
import type { CopiedFacts } from "../sources.ts";
import { TOLERANCE } from "./price-tolerance.ts";

/** What rules work on: figures of one organization over a stretch of time, and nothing else. */
export interface Facts {
  range: InsightRange;
  cells: InsightCells;
  sessions: InsightSessions;
  requests: InsightRequests;
  failures: InsightFailures[];
  /** Whole UTC days of the range, as the patterns function has counted them. */
  patternDays: InsightPatternDay[];
}

export const TIERS: readonly { model: string; abovePromptTokens: number }[] = PRICES.flatMap(
  ({ model, aliases, tiers }) =>
    tiers
      .slice(0, 1)
      .flatMap(({ abovePromptTokens }) =>
        [model, ...aliases].map((name) => ({ model: name, abovePromptTokens })),
      ),
);

export const TIERED_MODELS = TIERS.map(({ model }) => model);

const DAY_MS = 86_400_000;

/**
 * Reads the facts in a few statements, each bounded; what the analytics copy has told is not read again. Runs in a
 * transaction of the organization.
 */
export async function collectFacts(
  transaction: Sql,
  organizationId: string,
  range: InsightRange,
  copied: CopiedFacts | null = null,
): Promise<Facts> {
  const sql = await prepareAddingUp(transaction);
  const cells = copied?.cells ?? (await listInsightCells(sql, organizationId, range, TOLERANCE));
  const sessions = copied?.sessions ?? (await listInsightSessions(sql, organizationId, range, TIERED_MODELS));
  const { heavy } = sessions;
  const whose = copied === null ? heavy : { executions: copied.heavyExecutions };
  return {
    range,
    cells,
    sessions,
    requests:
      heavy.length === 0
        ? { gaps: [], long: [] }
        : await listInsightRequests(sql, organizationId, range, whose, TIERS),
    failures: await listInsightFailures(sql, organizationId, range),
    patternDays: await listInsightPatternDays(
      sql,
      organizationId,
      dayOf(Math.ceil(range.from.getTime() / DAY_MS) * DAY_MS),
      dayOf(range.to.getTime() - 1),
    ),
  };
}

function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
