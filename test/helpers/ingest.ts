import { gzipSync } from "node:zlib";
import { readConfig } from "../../functions/ingest/config.ts";
import { createContext, type IngestContext } from "../../functions/ingest/context.ts";
import { createHandler } from "../../functions/ingest/handler.ts";
import type { IngestOutcome } from "../../functions/ingest/ingest-executions.ts";
import { BODY_BYTES_MAX } from "../../functions/ingest/limits.ts";
import { createDatabases, type TestDatabases } from "./databases.ts";
import { serveFunction } from "./serve-function.ts";
import { createTenant, type Tenant } from "./tenant.ts";

export interface Answer<Body = IngestOutcome & Record<string, unknown>> {
  status: number;
  headers: Headers;
  body: Body;
}

export interface Ingest {
  url: string;
  context: IngestContext;
  databases: Pick<TestDatabases, "databaseUrl" | "adminDatabaseUrl" | "clickhouseUrl">;
  tenant: Tenant;
  /** The log lines written so far. */
  logLines: string[];
  /** Posts a JSON value as the tenant. */
  post: (body: unknown, headers?: Record<string, string>) => Promise<Answer>;
  close: () => Promise<void>;
}

/** The ingest function on databases of its own (or those given), with one tenant. */
export async function startIngest(
  options: {
    databases?: Pick<TestDatabases, "databaseUrl" | "adminDatabaseUrl" | "clickhouseUrl">;
    env?: Record<string, string>;
  } = {},
): Promise<Ingest> {
  const own = options.databases === undefined ? await createDatabases() : null;
  const databases = options.databases ?? own;
  if (databases === null) throw new Error("no databases");
  const tenant = await createTenant(databases.adminDatabaseUrl);
  const logLines: string[] = [];
  const context = createContext(
    readConfig({
      DATABASE_URL: databases.databaseUrl,
      CLICKHOUSE_URL: databases.clickhouseUrl,
      NETRA_REQUESTS_PER_SECOND: "100000",
      ...options.env,
    }),
    (line) => logLines.push(line),
  );
  const served = await serveFunction(createHandler(context), BODY_BYTES_MAX);
  return {
    url: served.url,
    context,
    databases,
    tenant,
    logLines,
    post: (body, headers) => postJson(served.url, tenant.key, body, headers),
    async close() {
      await served.close();
      await context.close();
      await own?.close();
    },
  };
}

export function postJson(
  url: string,
  key: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return postBytes(url, key, JSON.stringify(body), { "content-type": "application/json", ...headers });
}

export function postNdjson(url: string, key: string, records: readonly unknown[]): Promise<Answer> {
  return postBytes(url, key, gzipSync(records.map((record) => JSON.stringify(record)).join("\n")), {
    "content-type": "application/x-ndjson",
    "content-encoding": "gzip",
  });
}

export async function postBytes(
  url: string,
  key: string | null,
  body: string | Uint8Array<ArrayBuffer> | null,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const response = await fetch(`${url}/v1/executions`, {
    method: "POST",
    headers: { ...(key === null ? {} : { authorization: `Bearer ${key}` }), ...headers },
    body,
    signal: AbortSignal.timeout(30_000),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Answer["body"],
  };
}
