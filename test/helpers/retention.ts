import { readConfig } from "../../functions/retention/config.ts";
import { createContext, type RetentionContext } from "../../functions/retention/context.ts";
import { BODY_BYTES_MAX, createHandler } from "../../functions/retention/handler.ts";
import type { ExecutionRow } from "../../shared/postgres/command-executions.ts";
import type { RetentionOutcome } from "../../shared/retention/run-retention.ts";
import { ensurePartition, insertExecutions } from "../../shared/postgres/command-executions.ts";
import { createDatabases, type TestDatabases } from "./databases.ts";
import { type Ingest, startIngest } from "./ingest.ts";
import { makeRow } from "./make-row.ts";
import { type Patterns, startPatterns } from "./patterns.ts";
import { serveFunction } from "./serve-function.ts";
import { relayUntilEmpty } from "./stored.ts";
import { asOwner, createTenant, type Tenant } from "./tenant.ts";

export interface Retention {
  url: string;
  context: RetentionContext;
  databases: TestDatabases;
  tenant: Tenant;
  other: Tenant;
  ingest: Ingest;
  patterns: Patterns;
  logLines: string[];
  post: (body: unknown) => Promise<Response>;
  /** Runs and resolves with the outcome; throws when the answer is not 200. */
  run: (body?: { dry_run?: boolean; now?: string }) => Promise<RetentionOutcome>;
  /** Stores executions of a tenant, has them copied and counted. */
  add: (tenant: Tenant, rows: readonly ExecutionRow[]) => Promise<void>;
  /** Has what was stored copied and counted. */
  settle: () => Promise<void>;
  close: () => Promise<void>;
}

const DAY_MS = 86_400_000;

export function retentionEnv(
  databases: Pick<TestDatabases, "databaseUrl" | "clickhouseUrl">,
): Record<string, string> {
  return {
    DATABASE_URL: databases.databaseUrl,
    CLICKHOUSE_URL: databases.clickhouseUrl,
    NETRA_CALLER_AUTH: "platform",
  };
}

/** The retention function on databases of its own, with two tenants, and the functions that fill and count. */
export async function startRetention(env: Record<string, string> = {}): Promise<Retention> {
  const databases = await createDatabases();
  const ingest = await startIngest({ databases });
  const patterns = await startPatterns({ databases });
  const logLines: string[] = [];
  const context = createContext(readConfig({ ...retentionEnv(databases), ...env }), (line) =>
    logLines.push(line),
  );
  const served = await serveFunction(createHandler(context), BODY_BYTES_MAX);
  const post: Retention["post"] = (body) =>
    fetch(`${served.url}/run`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(60_000),
    });
  const settle = async (): Promise<void> => {
    await relayUntilEmpty(ingest.url, ingest.tenant.key);
    await patterns.run("incremental", new Date().toISOString());
  };
  return {
    url: served.url,
    context,
    databases,
    tenant: ingest.tenant,
    other: await createTenant(databases.adminDatabaseUrl),
    ingest,
    patterns,
    logLines,
    post,
    async run(body = {}) {
      const response = await post(body);
      const outcome = (await response.json()) as RetentionOutcome;
      if (response.status !== 200)
        throw new Error(`${response.status} ${JSON.stringify(outcome)} ${logLines.join("\n")}`);
      return outcome;
    },
    async add(tenant, rows) {
      const { pool } = patterns.context;
      for (const month of new Set(rows.map(({ timestamp }) => timestamp))) await ensurePartition(pool, month);
      await insertExecutions(pool, tenant.organizationId, rows);
      await settle();
      await ageExecutions(databases);
    },
    settle,
    async close() {
      await served.close();
      await context.close();
      await patterns.close();
      await ingest.close();
      await databases.close();
    },
  };
}

/** As if they had been written when they happened, as they are outside of a test. */
async function ageExecutions({ adminDatabaseUrl }: TestDatabases): Promise<void> {
  await asOwner(adminDatabaseUrl, (sql) =>
    sql.query(
      `alter table command_executions disable trigger user;
       update command_executions set updated_at = timestamp, ingested_at = timestamp where timestamp < now() - interval '2 days';
       alter table command_executions enable trigger user;`,
    ),
  );
}

/** An execution so many days ago, at noon. */
export function daysAgo(days: number, partial: Partial<ExecutionRow> = {}): ExecutionRow {
  const noon = Math.floor(Date.now() / DAY_MS) * DAY_MS + DAY_MS / 2;
  return makeRow({ timestamp: noon - days * DAY_MS, ...partial });
}

/** All executions there are, every column, as text. */
export function listExecutions(
  { adminDatabaseUrl }: Pick<TestDatabases, "adminDatabaseUrl">,
  from = "command_executions",
): Promise<string[]> {
  return asOwner(adminDatabaseUrl, async (sql) => {
    const text = `select to_jsonb(e)::text || ' ' || e.cost_usd::text || ' ' || e.timestamp::text as row from ${from} e order by id`;
    return (await sql.query<{ row: string }>(text)).rows.map(({ row }) => row);
  });
}

export async function setPolicy(
  retention: Pick<Retention, "databases">,
  organizationId: string | null,
  target: string,
  keepDays: number,
  action: "archive" | "delete" = "delete",
): Promise<void> {
  await asOwner(retention.databases.adminDatabaseUrl, (sql) =>
    sql.query(
      `insert into retention_policies (organization_id, target, keep_days, action) values ($1, $2, $3, $4)
       on conflict (organization_id, target) do update set keep_days = excluded.keep_days, action = excluded.action`,
      [organizationId, target, keepDays, action],
    ),
  );
}

/** All executions of the archive's tables, as `listExecutions` writes them. */
export async function listArchived(databases: Pick<TestDatabases, "adminDatabaseUrl">): Promise<string[]> {
  const tables = await asOwner(databases.adminDatabaseUrl, async (sql) => {
    const text = `select 'archive.' || relname as name from pg_class
      where relnamespace = 'archive'::regnamespace and relkind = 'r' order by 1`;
    return (await sql.query<{ name: string }>(text)).rows;
  });
  const rows: string[] = [];
  for (const { name } of tables) rows.push(...(await listExecutions(databases, name)));
  return rows;
}
