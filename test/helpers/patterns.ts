import { readConfig } from "../../functions/patterns/config.ts";
import { createContext, type PatternsContext } from "../../functions/patterns/context.ts";
import { BODY_BYTES_MAX, createHandler } from "../../functions/patterns/handler.ts";
import type { PatternsOutcome } from "../../functions/patterns/run-patterns.ts";
import { createDatabases, type TestDatabases } from "./databases.ts";
import { serveFunction } from "./serve-function.ts";
import { asOwner, createTenant, type Tenant } from "./tenant.ts";

type Databases = Pick<TestDatabases, "databaseUrl" | "adminDatabaseUrl" | "clickhouseUrl">;

export interface Patterns {
  url: string;
  context: PatternsContext;
  databases: Databases;
  tenant: Tenant;
  logLines: string[];
  /** Runs and resolves with the outcome; throws when the answer is not 200. */
  run: (mode?: "incremental" | "full", now?: string) => Promise<PatternsOutcome>;
  close: () => Promise<void>;
}

/** The end of the window in tests; rows of makeRow() are in it. */
export const NOW = "2026-11-20T12:00:00Z";

export function patternsEnv(databases: Pick<Databases, "databaseUrl">): { [name: string]: string } {
  return { DATABASE_URL: databases.databaseUrl, NETRA_CALLER_AUTH: "platform" };
}

/** The patterns function on databases of its own (or those given), with one tenant. */
export async function startPatterns(
  options: { databases?: Databases; env?: Record<string, string> } = {},
): Promise<Patterns> {
  const own = options.databases === undefined ? await createDatabases() : null;
  const databases = options.databases ?? own;
  if (databases === null) throw new Error("no databases");
  const tenant = await createTenant(databases.adminDatabaseUrl);
  const logLines: string[] = [];
  const context = createContext(readConfig({ ...patternsEnv(databases), ...options.env }), (line) =>
    logLines.push(line),
  );
  const served = await serveFunction(createHandler(context), BODY_BYTES_MAX);
  return {
    url: served.url,
    context,
    databases,
    tenant,
    logLines,
    run: (mode, now) => runOn(served.url, mode, now),
    async close() {
      await served.close();
      await context.close();
      await own?.close();
    },
  };
}

export async function runOn(
  url: string,
  mode: "incremental" | "full" = "incremental",
  now = NOW,
): Promise<PatternsOutcome> {
  const response = await postRun(url, { mode, now });
  const body = (await response.json()) as PatternsOutcome;
  if (response.status !== 200) throw new Error(`${response.status} ${JSON.stringify(body)}`);
  return body;
}

export function postRun(url: string, body: unknown): Promise<Response> {
  return fetch(`${url}/run`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(60_000),
  });
}

/** Everything a run writes, in a fixed order, without when it was written. */
export function listWritten(adminDatabaseUrl: string): Promise<Record<string, Record<string, unknown>[]>> {
  return asOwner(adminDatabaseUrl, async (sql) => ({
    rollups: (await sql.query("select *, day::text as utc_day from pattern_daily_rollups order by 1, 2, 3"))
      .rows,
    patterns: (
      await sql.query(
        `select organization_id, pattern_signature, command_base, statistics_30d, token_drivers, cache_patterns,
           optimization_insights, failure_patterns, sample_size, window_30d
         from command_patterns order by organization_id, pattern_signature`,
      )
    ).rows,
    daily: (await sql.query("select *, day::text as utc_day from daily_command_stats order by 1, 2, 3")).rows,
  }));
}
