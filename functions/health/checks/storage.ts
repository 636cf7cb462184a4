import { growthOf, listSamples, type Sample } from "../../../shared/postgres/health-samples.ts";
import { getStorageFacts, type StorageFacts } from "../../../shared/postgres/health-storage.ts";
import { type CheckResult, judge, state } from "../check.ts";
import type { CheckGroup } from "../group.ts";

interface Facts extends StorageFacts {
  samples: readonly Sample[];
  database_bytes_max: number;
}

/** Blocks read before a share of them says anything. */
const BLOCKS_MIN = 10_000;
const GIGABYTE = 1e9;

export const storage: CheckGroup<Facts> = {
  names: ["database_size", "table_size", "table_bloat", "index_use", "cache_hit_ratio", "deadlocks"],
  fetch: async ({ pool, databaseBytesMax }) => {
    const [facts, samples] = await Promise.all([getStorageFacts(pool), listSamples(pool)]);
    return { ...facts, samples, database_bytes_max: databaseBytesMax };
  },
  evaluate: (facts) => [
    judgeSize(facts),
    judgeTable(facts),
    judgeBloat(facts),
    judgeIndexUse(facts),
    judgeCache(facts),
    judgeDeadlocks(facts),
  ],
};

function judgeSize({ database_bytes: bytes, database_bytes_max: max }: Facts): CheckResult {
  return judge({
    name: "database_size",
    value: bytes,
    unit: "bytes",
    warning: 0.8 * max,
    critical: max,
    message: `The database takes ${gigabytes(bytes)} of ${gigabytes(max)}.`,
    nextStep: "Shorten what retention keeps, or give the database more room and raise NETRA_DATABASE_GB_MAX.",
  });
}

function judgeTable({
  largest_table: table,
  largest_table_bytes: bytes,
  database_bytes_max: max,
}: Facts): CheckResult {
  return judge({
    name: "table_size",
    value: bytes,
    unit: "bytes",
    warning: 0.6 * max,
    critical: 0.9 * max,
    message:
      table === null ? "There are no tables." : `The largest table is ${table} with ${gigabytes(bytes)}.`,
    nextStep: `Look at the retention of ${table ?? "the tables"}.`,
  });
}

function judgeBloat({ bloated_table: table, bloat_percent: percent }: Facts): CheckResult {
  if (table === null) return state("table_bloat", "ok", "No table is large enough to be bloated.");
  return judge({
    name: "table_bloat",
    value: percent,
    unit: "%",
    warning: 20,
    critical: 50,
    message: `${percent?.toFixed(0)} % of the rows of ${table} are dead; no table has a larger share.`,
    nextStep: `vacuum (analyze) ${table}; and end what long_transactions names, which keeps vacuum from removing them.`,
  });
}

function judgeIndexUse({ scanned_table: table, index_percent: percent }: Facts): CheckResult {
  if (table === null) return state("index_use", "ok", "No large table has been read often enough to judge.");
  return judge({
    name: "index_use",
    value: percent,
    unit: "%",
    warning: 50,
    worse: "below",
    message: `${percent?.toFixed(0)} % of the reads of ${table} use an index; no large table has a smaller share.`,
    nextStep:
      "See table_access_patterns and slow_query_analysis for what reads it from one end to the other.",
  });
}

function judgeCache({ samples, blocks_hit, blocks_read }: Facts): CheckResult {
  const hit = growthOf(samples, "blocks_hit", blocks_hit)?.by ?? blocks_hit;
  const read = growthOf(samples, "blocks_read", blocks_read)?.by ?? blocks_read;
  if (hit + read < BLOCKS_MIN) {
    return state("cache_hit_ratio", "ok", "Too little was read lately for a share to say anything.");
  }
  const percent = (100 * hit) / (hit + read);
  return judge({
    name: "cache_hit_ratio",
    value: percent,
    unit: "%",
    warning: 90,
    critical: 60,
    worse: "below",
    message: `${percent.toFixed(1)} % of the blocks that were read lately were in memory.`,
    nextStep: "Give the server more memory (shared_buffers), or find what reads much in slow_query_analysis.",
  });
}

function judgeDeadlocks({ samples, deadlocks }: Facts): CheckResult {
  const growth = growthOf(samples, "deadlocks", deadlocks);
  if (growth === null) {
    return state(
      "deadlocks",
      "unknown",
      "The counter has not been read before, so its growth is not known.",
      {
        nextStep: "Have the scheduler call POST /run of the health function each minute.",
      },
    );
  }
  return judge({
    name: "deadlocks",
    value: growth.by,
    unit: "deadlocks",
    warning: 1,
    critical: 10,
    ageSeconds: growth.seconds,
    message: `${growth.by} deadlocks within the last ${Math.max(1, Math.round(growth.seconds / 60))} min.`,
    nextStep:
      "The server's log names both statements of each; what was undone is tried again by the functions.",
  });
}

function gigabytes(bytes: number): string {
  return `${(bytes / GIGABYTE).toFixed(bytes < GIGABYTE ? 3 : 1)} GB`;
}
