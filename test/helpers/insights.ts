import { readConfig } from "../../functions/insights/config.ts";
import { createContext, type InsightsContext } from "../../functions/insights/context.ts";
import { BODY_BYTES_MAX, createHandler } from "../../functions/insights/handler.ts";
import type { SummaryAnswer } from "../../functions/insights/summarize.ts";
import type { ExecutionInput } from "../../shared/agent/execution.ts";
import { createDatabases, type TestDatabases } from "./databases.ts";
import { type Ingest, postNdjson, startIngest } from "./ingest.ts";
import { serveFunction } from "./serve-function.ts";
import type { Tenant } from "./tenant.ts";

interface Problem {
  detail: string;
  errors?: { pointer: string; detail: string }[];
}

interface InsightsAnswer {
  status: number;
  headers: Headers;
  body: SummaryAnswer;
  problem: Problem;
}

export interface Insights {
  url: string;
  databases: TestDatabases;
  context: InsightsContext;
  ingest: Ingest;
  tenant: Tenant;
  logLines: string[];
  /** Sends executions through the ingest function and waits until the analytics copy has them too. */
  store: (executions: readonly ExecutionInput[], key?: string) => Promise<void>;
  /** Asks for a summary as the tenant. */
  get: (query: Readonly<Record<string, string>>) => Promise<InsightsAnswer>;
  getRaw: (path: string, key?: string) => Promise<InsightsAnswer>;
  close: () => Promise<void>;
}

const BATCH_RECORDS = 1_000;

/** The insights function with an ingest function beside it, on databases of their own. */
export async function startInsights(env: Readonly<Record<string, string>> = {}): Promise<Insights> {
  const databases = await createDatabases();
  const ingest = await startIngest({ databases });
  const logLines: string[] = [];
  const context = createContext(
    readConfig({
      DATABASE_URL: databases.databaseUrl,
      CLICKHOUSE_URL: databases.clickhouseUrl,
      NETRA_REQUESTS_PER_SECOND: "100000",
      NETRA_QUERY_TIMEOUT_MS: "2000",
      NETRA_SUMMARY_CACHE_MS: "600000",
      ...env,
    }),
    (line) => logLines.push(line),
  );
  const served = await serveFunction(createHandler(context), BODY_BYTES_MAX);
  const getRaw = (path: string, key = ingest.tenant.key) => ask(`${served.url}${path}`, key);
  return {
    url: served.url,
    databases,
    context,
    ingest,
    tenant: ingest.tenant,
    logLines,
    getRaw,
    get: (query) => getRaw(`/v1/summary?${new URLSearchParams(query).toString()}`),
    async store(executions, key = ingest.tenant.key) {
      for (let start = 0; start < executions.length; start += BATCH_RECORDS) {
        const batch = executions.slice(start, start + BATCH_RECORDS);
        const { status, body } = await postNdjson(ingest.url, key, batch);
        if (status !== 200 || body.rejected.length > 0) {
          throw new Error(`the ingest function answered ${status}: ${JSON.stringify(body).slice(0, 2_000)}`);
        }
      }
      await ingest.context.relay.drain(30_000);
      const waiting = await ingest.context.relay.countWaiting(ingest.tenant.organizationId);
      if (waiting > 0) throw new Error(`the analytics copy still lacks ${waiting} executions`);
    },
    async close() {
      await served.close();
      await context.close();
      await ingest.close();
      await databases.close();
    },
  };
}

async function ask(url: string, key: string): Promise<InsightsAnswer> {
  const response = await fetch(url, {
    headers: key === "" ? {} : { authorization: `Bearer ${key}` },
    signal: AbortSignal.timeout(30_000),
  });
  const content: unknown = await response.json();
  return {
    status: response.status,
    headers: response.headers,
    body: content as SummaryAnswer,
    problem: content as Problem,
  };
}
