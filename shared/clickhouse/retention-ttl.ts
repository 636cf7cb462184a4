import type { ClickHouse } from "./client.ts";
import { ANALYTICS_TABLES, type AnalyticsTable } from "./retention.ts";

/*
 * TTL as the floor: what the nightly run should fail to remove, the server removes by itself a while later. And the
 * server's own logs, which nobody else keeps small.
 */

/** Past the policy: whole months go up to a month after their days, and a run may be late. */
const GRACE_DAYS = 45;
/** Fifty years: the server's moments end in 2106, and what it counts beyond that is long past, so that all would go at once. */
const TTL_DAYS_MAX = 18_250;
const SYSTEM_LOG_DAYS = 14;

const TABLES = `
select name, engine_full from system.tables where database = currentDatabase() and engine like '%MergeTree'`;

/**
 * Sets the TTL of each table to the longest days kept of it and a grace. Returns the tables that were changed. Executions
 * keep their own of ten years: what stands there is decided by the ledger, which may get a month back.
 */
export async function alignTtl(
  client: ClickHouse,
  longestDays: (target: AnalyticsTable["target"]) => number,
): Promise<string[]> {
  const result = await client.query({ query: TABLES, format: "JSONEachRow" });
  const engines = new Map(
    (await result.json<{ name: string; engine_full: string }>()).map((row) => [row.name, row.engine_full]),
  );
  const changed: string[] = [];
  for (const { table, column, target } of ANALYTICS_TABLES) {
    const engine = engines.get(table);
    const days = Math.min(longestDays(target) + GRACE_DAYS, TTL_DAYS_MAX);
    if (target === "executions" || engine === undefined || engine.includes(`toIntervalDay(${days})`))
      continue;
    await client.command({
      query: `alter table ${table} modify ttl toDateTime(${column}, 'UTC') + interval ${days} day`,
      // The data that is there is cleared by this function, not by rewriting every part now.
      clickhouse_settings: { materialize_ttl_after_modify: 0 },
    });
    changed.push(table);
  }
  return changed;
}

const LOGS = `
select name from system.tables
where database = 'system' and match(name, '_log(_[0-9]+)?$') and engine like '%MergeTree' and engine_full not like '%TTL%'
order by name`;

/**
 * Gives the server's own logs a TTL of 14 days where they have none. Returns what was changed, and what this login may not
 * change: that belongs into the server's configuration.
 */
export async function boundSystemLogs(client: ClickHouse): Promise<{ bounded: string[]; refused: string[] }> {
  const result = await client.query({ query: LOGS, format: "JSONEachRow" });
  const bounded: string[] = [];
  const refused: string[] = [];
  for (const { name } of await result.json<{ name: string }>()) {
    try {
      await client.command({
        query: `alter table system.${name} modify ttl event_date + interval ${SYSTEM_LOG_DAYS} day`,
        clickhouse_settings: { materialize_ttl_after_modify: 0 },
      });
      bounded.push(name);
    } catch {
      refused.push(name);
    }
  }
  return { bounded, refused };
}
