import type { ClickHouse } from "./client.ts";

/** The analytics copy's side of retention: for all organizations, by a login no row policy restricts. */

/** Tables that hold something of organizations, the moment of each row, and the kind of data that says how long. */
export const ANALYTICS_TABLES = [
  { table: "executions", column: "timestamp", target: "executions" },
  // Made of executions for quick answers, which compare it with them: it goes with them.
  { table: "execution_totals", column: "period", target: "executions" },
  { table: "executions_hourly", column: "hour", target: "aggregated_metrics" },
  { table: "workload_events", column: "timestamp", target: "workload_events" },
  { table: "aggregated_metrics_hourly", column: "hour", target: "aggregated_metrics" },
  { table: "user_activity", column: "date", target: "user_activity" },
] as const;
export type AnalyticsTable = (typeof ANALYTICS_TABLES)[number];

const columnOf = (table: AnalyticsTable["table"]): string =>
  ANALYTICS_TABLES.find((one) => one.table === table)?.column ?? "";
const seconds = (table: AnalyticsTable["table"]): string =>
  `toUnixTimestamp(toDateTime(${columnOf(table)}, 'UTC'))`;

/** The server refuses to drop what is larger than 50 GB unless it is told that it is meant. */
export const HOWEVER_LARGE = { max_partition_size_to_drop: "0", max_table_size_to_drop: "0" } as const;
const WAIT = { mutations_sync: "2", lightweight_deletes_sync: "2" } as const;

interface PastOptions {
  organizations: readonly string[];
  /** Beside them, in ms since 1970. */
  befores: readonly number[];
  /** For organizations that are not named. */
  other: number;
  latest: number;
}

export interface PastAnalytics {
  /** First day, such as `2026-03-01`. */
  month: string;
  organizationId: string;
  rows: number;
}

/** Rows past their organization's days, by month. Rows that a delete has hidden are not there any more. */
export async function countPastAnalytics(
  client: ClickHouse,
  table: AnalyticsTable["table"],
  { organizations, befores, other, latest }: PastOptions,
): Promise<PastAnalytics[]> {
  const result = await client.query({
    query: `
      select formatDateTime(toStartOfMonth(toDateTime(${columnOf(table)}, 'UTC')), '%Y-%m-%d') as month,
        toString(organization_id) as organization, count() as rows
      from ${table}
      where ${seconds(table)} < {latest:Int64}
        and ${seconds(table)} < transform(toString(organization_id), {organizations:Array(String)}, {befores:Array(Int64)}, {other:Int64})
      group by month, organization order by month, organization`,
    query_params: {
      // transform() takes no empty lists.
      organizations: organizations.length === 0 ? [""] : organizations,
      befores: befores.length === 0 ? [0] : befores.map((ms) => Number(wholeSeconds(ms))),
      other: wholeSeconds(other),
      latest: wholeSeconds(latest),
    },
    format: "JSONEachRow",
    use_multipart_params_auto: true,
  });
  const rows = await result.json<{ month: string; organization: string; rows: string }>();
  return rows.map(({ month, organization, rows: count }) => ({
    month,
    organizationId: organization,
    rows: Number(count),
  }));
}

/** Cut-offs are midnights. */
function wholeSeconds(ms: number): string {
  return String(Math.floor(ms / 1_000));
}

/** Drops a month for everybody, which costs nothing. A month that is not there is dropped already. */
export async function dropAnalyticsMonth(
  client: ClickHouse,
  table: AnalyticsTable["table"],
  month: string,
): Promise<void> {
  await client.command({
    query: `alter table ${table} drop partition ${month.slice(0, 4)}${month.slice(5, 7)}`,
    clickhouse_settings: { ...WAIT, ...HOWEVER_LARGE, alter_sync: "2" },
  });
}

/** Hides an organization's rows from `from` to before `until` (ms since 1970) at once; they leave the disk with the next merge. */
export async function deletePastAnalytics(
  client: ClickHouse,
  table: AnalyticsTable["table"],
  options: { organizationId: string; from: number; until: number },
): Promise<void> {
  await client.command({
    query: `delete from ${table} where organization_id = {organization:UUID}
      and ${seconds(table)} >= {from:Int64} and ${seconds(table)} < {until:Int64}`,
    query_params: {
      organization: options.organizationId,
      from: wholeSeconds(options.from),
      until: wholeSeconds(options.until),
    },
    clickhouse_settings: WAIT,
  });
}

const TENANT_TABLES = `
select c.table as name from system.columns c join system.tables t on t.database = c.database and t.name = c.table
where c.database = currentDatabase() and c.name = 'organization_id' and t.engine like '%MergeTree'
order by name`;

/** Every table with an organization in it, as the catalogue tells. */
export async function listAnalyticsTenantTables(client: ClickHouse): Promise<string[]> {
  const result = await client.query({ query: TENANT_TABLES, format: "JSONEachRow" });
  return (await result.json<{ name: string }>()).map(({ name }) => name);
}

export async function countAnalyticsTenantRows(
  client: ClickHouse,
  table: string,
  organizationId: string,
): Promise<number> {
  const result = await client.query({
    query: "select count() as rows from {table:Identifier} where organization_id = {organization:UUID}",
    query_params: { table, organization: organizationId },
    format: "JSONEachRow",
  });
  return Number((await result.json<{ rows: string }>())[0]?.rows ?? 0);
}

/** Rewrites the table without the organization's rows and resolves when that is done. */
export async function eraseAnalyticsTenant(
  client: ClickHouse,
  table: string,
  organizationId: string,
): Promise<void> {
  await client.command({
    query: "alter table {table:Identifier} delete where organization_id = {organization:UUID}",
    query_params: { table, organization: organizationId },
    clickhouse_settings: WAIT,
  });
}

/** Whether a row policy hides rows from this login, so that counting proves nothing. */
export async function isRestricted(client: ClickHouse): Promise<boolean> {
  const result = await client.query({
    query: "select has(enabledRoles(), 'netra_app') as restricted",
    format: "JSONEachRow",
  });
  return (await result.json<{ restricted: number }>())[0]?.restricted === 1;
}
