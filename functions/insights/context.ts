import { type Authenticator, createAuthenticator } from "../../shared/auth.ts";
import { createClickHouse } from "../../shared/clickhouse/client.ts";
import { createLog, type Log } from "../../shared/log.ts";
import { createPool, type Pool } from "../../shared/postgres/pool.ts";
import { createRateLimiter } from "../../shared/rate-limit.ts";
import { type AnswerCache, createAnswerCache } from "./answer-cache.ts";
import type { InsightsConfig } from "./config.ts";
import { createSources, type Sources } from "./sources.ts";
import type { SummaryAnswer } from "./summarize.ts";

export interface InsightsContext {
  authenticator: Authenticator;
  pool: Pool;
  sources: Sources;
  cache: AnswerCache<SummaryAnswer>;
  projectId: string | undefined;
  log: Log;
  now: () => number;
  close: () => Promise<void>;
}

const CACHE = { entriesMax: 1_000, bytesMax: 16 * 1024 * 1024 };

/** Everything the function needs, made once for each instance. Nothing connects before the first request. */
export function createContext(
  config: InsightsConfig,
  writeLog: (line: string) => void = (line) => process.stdout.write(line),
): InsightsContext {
  const log = createLog("insights", writeLog);
  const now = Date.now;
  const timeoutMs = config.NETRA_QUERY_TIMEOUT_MS;
  const pool = createPool({
    databaseUrl: config.DATABASE_URL,
    connectionsMax: config.NETRA_DATABASE_CONNECTIONS,
    applicationName: "netra-insights",
    log,
    statementTimeoutMs: timeoutMs,
  });
  const clickhouse = createClickHouse({ url: config.CLICKHOUSE_URL, requestTimeoutMs: timeoutMs });
  const perSecond = config.NETRA_REQUESTS_PER_SECOND;
  const limiter = createRateLimiter({ perSecond, burst: 2 * perSecond, now });
  return {
    authenticator: createAuthenticator({ pool, limiter, log, now }),
    pool,
    sources: createSources({ pool, clickhouse, log, now, timeoutMs }),
    cache: createAnswerCache({ ...CACHE, ttlMs: config.NETRA_SUMMARY_CACHE_MS, now }),
    projectId: config.GOOGLE_CLOUD_PROJECT,
    log,
    now,
    async close() {
      await clickhouse.close();
      await pool.end();
    },
  };
}
