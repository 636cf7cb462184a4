import {
  type AnalyticsGroup,
  type AnalyticsQuery,
  filtersOf,
  isPeriod,
  type Period,
  type StoredFigure,
} from "../analytics.ts";
import { ROWS_FIGURES } from "./analytics-rows.ts";
import { TOTALS_FIGURES } from "./analytics-totals.ts";

/** How periods begin, and how their beginnings are written. */
export const PERIODS: Readonly<Record<Period, { startOf: (moment: string) => string; format: string }>> = {
  hour: { startOf: (moment) => `toStartOfHour(${moment}, 'UTC')`, format: "%Y-%m-%dT%H:00:00Z" },
  day: { startOf: (moment) => `toDate(${moment}, 'UTC')`, format: "%Y-%m-%d" },
  week: { startOf: (moment) => `toMonday(${moment}, 'UTC')`, format: "%Y-%m-%d" },
  month: { startOf: (moment) => `toStartOfMonth(${moment}, 'UTC')`, format: "%Y-%m" },
};

const COLUMNS: Readonly<Record<Exclude<AnalyticsGroup, Period>, string>> = {
  command_base: "s.command_base",
  repository: "s.repository",
  model: "s.model",
  user: "toString(s.user_id)",
  task_kind: "s.task_kind",
  source: "s.source",
  session: "s.session_id",
  status: "s.status",
};

/** Where the figures come from: the rows `s` that count, what they are grouped by, and what each figure is of them. */
export interface Basis {
  table: "executions" | "execution_totals";
  /** The condition of the rows. */
  where: string;
  /** What they are grouped by. */
  group: string;
  figures: Readonly<Record<StoredFigure, string>>;
  /** Whether they are sums made ahead, of which it has to be shown that they miss nothing. */
  isTotals: boolean;
}

const MOMENTS = `organization_id = {organization_id:UUID}
      and timestamp >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
      and timestamp < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')`;
export const PERIODS_OF_RANGE = `organization_id = {organization_id:UUID}
      and period >= toDateTime(intDiv({from_ms:Int64}, 1000), 'UTC')
      and period < toDateTime(intDiv({to_ms:Int64}, 1000), 'UTC')`;

export const SUMS = `s.dimension = {dimension:String} and ${PERIODS_OF_RANGE}`;
/** How many executions there are, which the sums must hold. */
export const COUNTED = `(select count() from executions where ${MOMENTS})`;

export function rowsBasis(query: AnalyticsQuery): Basis {
  const { groupBy } = query;
  const conditions = filtersOf(query).map(([filter]) => `and s.${filter} = {${filter}:String}`);
  return {
    table: "executions",
    where: [MOMENTS, ...conditions].join(" "),
    group: isPeriod(groupBy) ? PERIODS[groupBy].startOf("s.timestamp") : COLUMNS[groupBy],
    figures: ROWS_FIGURES,
    isTotals: false,
  };
}

export function totalsBasis(query: AnalyticsQuery): Basis {
  const { groupBy } = query;
  const conditions = filtersOf(query).map(([filter]) =>
    filter === "status" ? "and s.status = {status:String}" : `and s.key = {${filter}:String}`,
  );
  return {
    table: "execution_totals",
    where: [SUMS, ...conditions].join(" "),
    group: isPeriod(groupBy)
      ? PERIODS[groupBy].startOf("s.period")
      : groupBy === "status"
        ? "s.status"
        : "s.key",
    figures: TOTALS_FIGURES,
    isTotals: true,
  };
}
