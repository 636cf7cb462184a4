import {
  type AnalyticsConnectionFacts,
  type AnalyticsDiskFacts,
  type AnalyticsTablesFacts,
  countInsertErrors,
  findAnalyticsDisk,
  getAnalyticsConnection,
  getAnalyticsTables,
  measureAnalyticsQuery,
} from "../../../shared/clickhouse/health.ts";
import { type CheckResult, judge, state } from "../check.ts";
import type { CheckGroup } from "../group.ts";
import { judgeClock } from "./clock.ts";

const CONNECTION = "clickhouse_connection";
const NEXT =
  "Start ClickHouse or look at the network between; executions are stored and read from the ledger meanwhile, and the relay catches up.";

export const analyticsConnection: CheckGroup<AnalyticsConnectionFacts> = {
  names: [CONNECTION, "clickhouse_clock_skew"],
  fetch: ({ clickhouse, now }, signal) => getAnalyticsConnection({ clickhouse, signal }, now),
  evaluate: (facts) => [
    judge({
      name: CONNECTION,
      value: facts.milliseconds,
      unit: "ms",
      warning: 500,
      critical: 1_200,
      message: `The analytics store answered within ${Math.round(facts.milliseconds)} ms.`,
      nextStep: "Look for load in system.processes of ClickHouse.",
    }),
    judgeClock("clickhouse_clock_skew", "ClickHouse", facts),
  ],
  failed: (reason) => [
    state(CONNECTION, "critical", `The analytics store does not answer: ${reason}.`, { nextStep: NEXT }),
    state("clickhouse_clock_skew", "unknown", "The clock of the analytics store could not be read.", {
      nextStep: NEXT,
    }),
  ],
};

export const analyticsQuery: CheckGroup<{ milliseconds: number }> = {
  names: ["clickhouse_query"],
  fetch: ({ clickhouse }, signal) => measureAnalyticsQuery({ clickhouse, signal }),
  evaluate: ({ milliseconds }) => [
    judge({
      name: "clickhouse_query",
      value: milliseconds,
      unit: "ms",
      warning: 500,
      critical: 1_200,
      message: `Adding up the executions of a day took ${Math.round(milliseconds)} ms.`,
      nextStep: "See clickhouse_parts and clickhouse_merges, and system.processes of ClickHouse.",
    }),
  ],
  failed: (reason) => [
    state("clickhouse_query", "critical", `The analytics store cannot add up a day: ${reason}.`, {
      nextStep: NEXT,
    }),
  ],
};

export const analyticsTables: CheckGroup<AnalyticsTablesFacts> = {
  names: ["clickhouse_parts", "clickhouse_merges", "clickhouse_mutations"],
  fetch: ({ clickhouse }, signal) => getAnalyticsTables({ clickhouse, signal }),
  evaluate: (facts) => [
    judge({
      name: "clickhouse_parts",
      value: facts.parts,
      unit: "parts",
      warning: 300,
      critical: 1_000,
      message: `A partition of ${facts.parts_table === "" ? "no table" : facts.parts_table} has ${facts.parts} parts; none has more.`,
      nextStep:
        "Inserts come faster than they are merged: see clickhouse_merges and clickhouse_disk. From 3,000 on inserts fail.",
    }),
    judge({
      name: "clickhouse_merges",
      value: facts.longest_merge,
      unit: "s",
      warning: 600,
      critical: 3_600,
      ageSeconds: facts.longest_merge,
      message: `${facts.merges} merges are under way, the longest for ${Math.round(facts.longest_merge)} s.`,
      nextStep: "See system.merges, and the room left on the disk.",
    }),
    judgeMutations(facts),
  ],
};

function judgeMutations({
  mutations,
  failing_mutations: failing,
  oldest_mutation: oldest,
}: AnalyticsTablesFacts): CheckResult {
  const nextStep =
    "select * from system.mutations where not is_done shows why; kill mutation ends one that cannot succeed.";
  if (failing > 0) {
    return {
      ...state("clickhouse_mutations", "critical", `${failing} of ${mutations} mutations fail.`, {
        nextStep,
        ageSeconds: oldest,
      }),
      value: oldest,
      unit: "s",
    };
  }
  return judge({
    name: "clickhouse_mutations",
    value: oldest,
    unit: "s",
    warning: 600,
    critical: 3_600,
    ageSeconds: oldest,
    message: `${mutations} mutations are not done; the oldest was asked for ${Math.round(oldest)} s ago.`,
    nextStep,
  });
}

export const analyticsDisk: CheckGroup<AnalyticsDiskFacts | null> = {
  names: ["clickhouse_disk"],
  fetch: ({ clickhouse }, signal) => findAnalyticsDisk({ clickhouse, signal }),
  evaluate: (disk) => [
    disk === null
      ? state("clickhouse_disk", "ok", "The disks of the analytics store have no end.")
      : judge({
          name: "clickhouse_disk",
          value: (100 * disk.free_bytes) / disk.total_bytes,
          unit: "% free",
          warning: 15,
          critical: 5,
          worse: "below",
          message: `The disk ${disk.name} has ${(disk.free_bytes / 1e9).toFixed(1)} of ${(disk.total_bytes / 1e9).toFixed(1)} GB left.`,
          nextStep:
            "Shorten what retention keeps of the analytics copy, empty system.*_log tables, or add room.",
        }),
  ],
};

export const analyticsInserts: CheckGroup<number | null> = {
  names: ["clickhouse_insert_errors"],
  fetch: ({ clickhouse }, signal) => countInsertErrors({ clickhouse, signal }),
  evaluate: (errors) => [
    errors === null
      ? state(
          "clickhouse_insert_errors",
          "ok",
          "The server keeps no record of asynchronous inserts, and the relay makes none.",
        )
      : judge({
          name: "clickhouse_insert_errors",
          value: errors,
          unit: "errors",
          warning: 1,
          critical: 100,
          message: `${errors} asynchronous inserts failed within an hour.`,
          nextStep: "select * from system.asynchronous_insert_log where status != 'Ok' shows why.",
        }),
  ],
};
