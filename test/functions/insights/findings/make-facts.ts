import type { Facts } from "../../../../functions/insights/findings/facts.ts";
import { NO_USAGE } from "../../../../shared/agent/usage.ts";
import type { InsightCell } from "../../../../shared/insight-cells.ts";
import type { InsightSessions } from "../../../../shared/insight-sessions.ts";

const PICO_PER_USD = 1_000_000_000_000n;
export const TO = new Date("2026-11-21T00:00:00Z");
const FROM = new Date("2026-10-22T00:00:00Z");

/** Facts of thirty days in which nothing happened, but for what is given. */
export function makeFacts(
  partial: Partial<Omit<Facts, "cells" | "sessions">> & {
    cells?: readonly InsightCell[];
    prices?: Facts["cells"]["prices"];
    sessions?: Partial<InsightSessions>;
  } = {},
): Facts {
  const { cells = [], prices = [], sessions = {}, ...rest } = partial;
  return {
    range: { from: FROM, to: TO },
    cells: {
      cells: [...cells],
      cellCount: cells.length,
      prices,
      executions: cells.reduce((sum, { executions }) => sum + executions, 0),
      costPico: null,
      firstAt: FROM,
    },
    sessions: {
      priced: 0,
      medianLog: null,
      madLog: null,
      dearest: [],
      byRepository: [],
      cacheReuse: [],
      heavy: [],
      ...sessions,
    },
    requests: { gaps: [], long: [] },
    failures: [],
    patternDays: [],
    ...rest,
  };
}

/** Twenty executions of one command that all went well and cost a dollar each. */
export function makeCell(partial: Partial<InsightCell> = {}): InsightCell {
  const executions = partial.executions ?? 20;
  return {
    commandBase: "/fix",
    taskKind: "fix",
    repository: "acme/shop",
    model: "claude-opus-5-5",
    executions,
    failed: 0,
    timeouts: 0,
    priced: executions,
    costPico: BigInt(executions) * PICO_PER_USD,
    lostPriced: 0,
    lostCostPico: 0n,
    empty: 0,
    emptyPriced: 0,
    emptyCostPico: 0n,
    measured: executions,
    usage: NO_USAGE,
    unpriced: 0,
    unpricedTokens: 0,
    unpricedReported: 0,
    unpricedReportedPico: null,
    ...partial,
  };
}

export function usd(dollars: number): bigint {
  return BigInt(Math.round(dollars * 1_000_000)) * 1_000_000n;
}
