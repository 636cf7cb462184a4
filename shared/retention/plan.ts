import { ANALYTICS_TABLES, countPastAnalytics, isRestricted } from "../clickhouse/retention.ts";
import type { ClickHouse } from "../clickhouse/client.ts";
import {
  arraysOf,
  countPastExecutions,
  findEarlyObstacle,
  findMonthObstacle,
  listHeldMonths,
  listMonths,
} from "../postgres/retention-months.ts";
import type { Cutoff, RetentionAction, RetentionTarget } from "../postgres/retention-policies.ts";
import { countOldEvents, countPastRows, ROW_TABLES } from "../postgres/retention-rows.ts";
import type { PastCount } from "../postgres/retention-runs.ts";
import { AnalyticsAway, onAnalytics } from "./analytics.ts";
import type { RetentionConnection } from "./connection.ts";
import { endOf } from "./months.ts";

/** Rows of one table, organization and month (where it goes by months) that are past their days. */
export interface PastItem {
  store: "postgres" | "clickhouse";
  table: string;
  organization_id: string;
  month: string | null;
  rows: number;
  action: RetentionAction;
}

/** What is past and stays for now, and why. */
export interface Deferral {
  store: "postgres" | "clickhouse";
  table: string;
  month: string | null;
  organization_id: string | null;
  reason: string;
}

export interface Plan {
  items: PastItem[];
  /** Months of executions that leave whole. */
  wholeMonths: string[];
  early: { month: string; organizationId: string; before: number; keep: boolean }[];
  deferred: Deferral[];
  counts: PastCount[];
}

/** While it is being made. */
interface Draft extends Plan {
  countOf: Map<string, PastCount>;
}

interface PlanOptions {
  connection: RetentionConnection;
  clickhouse: ClickHouse;
  cutoffs: readonly Cutoff[];
  now: number;
}

/** Everything that is past by now, in both databases. Changes nothing. */
export async function makePlan(options: PlanOptions): Promise<Plan> {
  const { connection, cutoffs, now } = options;
  const plan: Draft = {
    items: [],
    wholeMonths: [],
    early: [],
    deferred: [],
    counts: [],
    countOf: new Map(),
  };
  const held = await connection.run((sql) => listHeldMonths(sql, now));
  await planExecutions(options, plan, held);
  for (const { table, target } of ROW_TABLES) {
    const past = await connection.run((sql) => countPastRows(sql, table, cutoffsOf(cutoffs, target)));
    for (const { organizationId, rows } of past) {
      addItem(plan, cutoffs, target, {
        store: "postgres",
        table,
        organization_id: organizationId,
        month: null,
        rows,
        action: "delete",
      });
    }
  }
  for (const { organizationId, rows } of await connection.run(countOldEvents)) {
    countItem(plan, null, {
      store: "postgres",
      table: "events",
      organization_id: organizationId,
      month: null,
      rows,
      action: "delete",
    });
  }
  try {
    await planAnalytics(options, plan, held);
  } catch (error) {
    if (!(error instanceof AnalyticsAway)) throw error;
    plan.deferred.push({
      store: "clickhouse",
      table: "*",
      month: null,
      organization_id: null,
      reason: "analytics_away",
    });
  }
  return { ...plan, counts: [...plan.countOf.values()] };
}

async function planExecutions(
  { connection, cutoffs }: PlanOptions,
  plan: Draft,
  held: ReadonlySet<string>,
): Promise<void> {
  const own = cutoffsOf(cutoffs, "executions");
  const whole = wholeBefore(own);
  const past = (await connection.run((sql) => countPastExecutions(sql, own))).filter(
    ({ month }) => !held.has(month),
  );
  const obstacles = new Map<string, string | null>();
  for (const { month, organizationId, rows } of past) {
    const cutoff = cutoffOf(own, organizationId);
    const isWhole = endOf(month) <= whole;
    const key = isWhole ? month : `${month} ${organizationId}`;
    if (!obstacles.has(key)) {
      const obstacle = await connection.run((sql) =>
        isWhole
          ? findMonthObstacle(sql, month)
          : findEarlyObstacle(sql, { month, organizationId, before: cutoff.before }),
      );
      obstacles.set(key, obstacle);
      if (obstacle !== null) {
        plan.deferred.push({
          store: "postgres",
          table: "command_executions",
          month,
          organization_id: isWhole ? null : organizationId,
          reason: obstacle,
        });
      }
    }
    const item: PastItem = {
      store: "postgres",
      table: "command_executions",
      organization_id: organizationId,
      month,
      rows,
      action: cutoff.action,
    };
    addItem(plan, cutoffs, "executions", item, obstacles.get(key) === null);
    if (obstacles.get(key) !== null || isWhole) continue;
    plan.early.push({
      month,
      organizationId,
      before: Math.min(cutoff.before, endOf(month)),
      keep: cutoff.action === "archive",
    });
  }
  // Months without a single row leave as well.
  const months = await connection.run(listMonths);
  for (const { parent, month } of months) {
    if (parent !== "command_executions" || endOf(month) > whole || held.has(month)) continue;
    if (!obstacles.has(month)) {
      const obstacle = await connection.run((sql) => findMonthObstacle(sql, month));
      obstacles.set(month, obstacle);
    }
    if (obstacles.get(month) === null) plan.wholeMonths.push(month);
  }
}

/** The login of this function sees too little to prove anything. */
export class RestrictedLogin extends Error {}

async function planAnalytics(
  { clickhouse, cutoffs }: PlanOptions,
  plan: Draft,
  held: ReadonlySet<string>,
): Promise<void> {
  if (await onAnalytics(() => isRestricted(clickhouse))) {
    throw new RestrictedLogin(
      "the ClickHouse login has the role netra_app, whose row policy hides what is to be removed; give retention a login without it",
    );
  }
  for (const { table, target } of ANALYTICS_TABLES) {
    const { ids, befores, other, latest } = arraysOf(cutoffsOf(cutoffs, target));
    const past = await onAnalytics(() =>
      countPastAnalytics(clickhouse, table, { organizations: ids, befores, other, latest }),
    );
    for (const { month, organizationId, rows } of past) {
      if (target === "executions" && held.has(month)) continue;
      const isDeferred =
        target === "executions" &&
        plan.deferred.some(
          (one) =>
            one.month === month && (one.organization_id === null || one.organization_id === organizationId),
        );
      const item: PastItem = {
        store: "clickhouse",
        table,
        organization_id: organizationId,
        month,
        rows,
        action: "delete",
      };
      addItem(plan, cutoffs, target, item, !isDeferred);
    }
  }
}

function addItem(
  plan: Draft,
  cutoffs: readonly Cutoff[],
  target: RetentionTarget,
  item: PastItem,
  goes = true,
): void {
  countItem(plan, cutoffOf(cutoffsOf(cutoffs, target), item.organization_id).before, item, goes);
}

function countItem(plan: Draft, before: number | null, item: PastItem, goes = true): void {
  if (goes) plan.items.push(item);
  const { store, table, organization_id: organizationId, rows } = item;
  const key = `${store} ${table} ${organizationId}`;
  const same = plan.countOf.get(key);
  if (same === undefined) plan.countOf.set(key, { store, table, organizationId, before, rows });
  else same.rows += rows;
}

export function cutoffsOf(cutoffs: readonly Cutoff[], target: RetentionTarget): Cutoff[] {
  return cutoffs.filter((cutoff) => cutoff.target === target);
}

/** Months that ended by then are past for every organization there is. */
export function wholeBefore(cutoffs: readonly Cutoff[]): number {
  const named = cutoffs.filter(({ organizationId }) => organizationId !== null);
  return Math.min(...(named.length === 0 ? cutoffs : named).map(({ before }) => before));
}

/** The organization's cut-off among those of one target, or that of what belongs to none. */
export function cutoffOf(cutoffs: readonly Cutoff[], organizationId: string): Cutoff {
  const found =
    cutoffs.find((cutoff) => cutoff.organizationId === organizationId) ??
    cutoffs.find((cutoff) => cutoff.organizationId === null);
  if (found === undefined) throw new Error("a target without a default policy");
  return found;
}
