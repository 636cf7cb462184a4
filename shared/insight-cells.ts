import { parseUsd } from "./agent/usd.ts";
import type { Usage } from "./agent/usage.ts";

/** What findings are worked out from, by both stores alike: executions that have ended, in groups. */

// Conditions of single executions, in words that both stores take, so that they cannot come to mean different things.
export const LOST = "status in ('failed', 'timeout')";
export const EMPTY = "status = 'completed' and total_tokens > 0 and output_tokens = 0";
export const UNPRICED = "cost_basis = 'unpriced' and total_tokens > 0";
export const COMPARED = "cost_basis = 'computed' and reported_cost_usd is not null";

/** A stretch of the ledger: from inclusive, to exclusive. */
export interface InsightRange {
  from: Date;
  to: Date;
}

/** What executions of one command, kind of task, repository and model come to. Money is in pico-dollars. */
export interface InsightCell {
  commandBase: string;
  taskKind: string | null;
  repository: string | null;
  model: string | null;
  executions: number;
  failed: number;
  timeouts: number;
  /** With a cost; the others told no tokens or have a model without a price. */
  priced: number;
  costPico: bigint;
  /** Failed or timed out, with a cost. */
  lostPriced: number;
  lostCostPico: bigint;
  /** Completed, with tokens, and not one of them was output. */
  empty: number;
  emptyPriced: number;
  emptyCostPico: bigint;
  /** With known tokens, and their sums by kind. */
  measured: number;
  usage: Usage;
  /** With tokens and without a price, what they used, and what their agents said they cost (null: none said). */
  unpriced: number;
  unpricedTokens: number;
  unpricedReported: number;
  unpricedReportedPico: bigint | null;
}

/** What agents of one version reported for a model, beside what was computed for the same executions. */
export interface PriceComparison {
  model: string | null;
  agentVersion: string | null;
  /** Executions with both figures. */
  compared: number;
  reportedPico: bigint;
  computedPico: bigint;
  /** Of these, those where the two are apart by more than the tolerance. */
  differing: number;
}

export interface InsightCells {
  cells: InsightCell[];
  /** How many there are, were they read or not. */
  cellCount: number;
  prices: PriceComparison[];
  executions: number;
  costPico: bigint | null;
  /** Of the first execution in the range; null when there is none. */
  firstAt: Date | null;
}

/** How far a reported cost may be from the computed one: in dollars, and as a share of the computed one. */
export interface PriceTolerance {
  usd: string;
  share: string;
}

/** At most so many of each are read, the dearest first. */
export const CELLS_MAX = 5_000;
export const PRICES_MAX = 1_000;

export type CellCount =
  | "executions"
  | "failed"
  | "timeouts"
  | "priced"
  | "lost_priced"
  | "empty"
  | "empty_priced"
  | "measured"
  | "unpriced"
  | "unpriced_reported"
  | "compared"
  | "differing";
export type CellSum =
  | "cost"
  | "lost_cost"
  | "empty_cost"
  | "input"
  | "output"
  | "cache_read"
  | "write_5m"
  | "write_1h"
  | "unpriced_tokens"
  | "unpriced_reported_cost"
  | "compared_reported"
  | "compared_computed";

/**
 * A row of either store: a cell, a comparison of prices, or (neither) everything. ClickHouse tells truth as 0 and 1, and
 * whole numbers as text. A sum is null when there was nothing to add up.
 */
export type StoredCellRow = {
  is_cell: boolean | number;
  is_price: boolean | number;
  group_count: number | string;
  command_base: string | null;
  task_kind: string | null;
  repository: string | null;
  model: string | null;
  agent_version: string | null;
  /** Milliseconds since 1970 of the first execution. */
  first_ms: number | string | null;
} & Record<CellCount, number | string> &
  Record<CellSum, string | null>;

export function readCells(rows: readonly StoredCellRow[]): InsightCells {
  const total = rows.find((row) => !row.is_cell && !row.is_price);
  if (total === undefined) throw new Error("the store answered no total");
  const executions = Number(total.executions);
  const cells = rows.filter((row) => row.is_cell);
  return {
    cells: cells.map(readCell),
    cellCount: Number(cells[0]?.group_count ?? 0),
    prices: rows.filter((row) => row.is_price && Number(row.compared) > 0).map(readPrices),
    executions,
    costPico: total.cost === null ? null : readUsd(total.cost),
    firstAt: executions === 0 ? null : new Date(Number(total.first_ms)),
  };
}

function readCell(row: StoredCellRow): InsightCell {
  return {
    commandBase: row.command_base ?? "",
    taskKind: row.task_kind,
    repository: row.repository,
    model: row.model,
    executions: Number(row.executions),
    failed: Number(row.failed),
    timeouts: Number(row.timeouts),
    priced: Number(row.priced),
    costPico: readUsd(row.cost),
    lostPriced: Number(row.lost_priced),
    lostCostPico: readUsd(row.lost_cost),
    empty: Number(row.empty),
    emptyPriced: Number(row.empty_priced),
    emptyCostPico: readUsd(row.empty_cost),
    measured: Number(row.measured),
    usage: {
      input_tokens: Number(row.input),
      output_tokens: Number(row.output),
      cache_read_tokens: Number(row.cache_read),
      cache_write_5m_tokens: Number(row.write_5m),
      cache_write_1h_tokens: Number(row.write_1h),
    },
    unpriced: Number(row.unpriced),
    unpricedTokens: Number(row.unpriced_tokens),
    unpricedReported: Number(row.unpriced_reported),
    unpricedReportedPico: row.unpriced_reported_cost === null ? null : readUsd(row.unpriced_reported_cost),
  };
}

function readPrices(row: StoredCellRow): PriceComparison {
  return {
    model: row.model,
    agentVersion: row.agent_version,
    compared: Number(row.compared),
    reportedPico: readUsd(row.compared_reported),
    computedPico: readUsd(row.compared_computed),
    differing: Number(row.differing),
  };
}

/** A sum of money in pico-dollars; a sum over nothing is 0, which the count beside it tells apart from a known one. */
export function readUsd(text: string | null): bigint {
  const pico = parseUsd(text ?? "0");
  if (pico === null) throw new TypeError("a store answered an amount that is none");
  return pico;
}
