import { type Authenticator, createAuthenticator } from "../../shared/auth.ts";
import { createClickHouse } from "../../shared/clickhouse/client.ts";
import { clickhouseOf } from "../../shared/clickhouse/environment.ts";
import { createLog, type Log } from "../../shared/log.ts";
import { databaseOf } from "../../shared/postgres/environment.ts";
import { createPool, type Pool } from "../../shared/postgres/pool.ts";
import { createRateLimiter } from "../../shared/rate-limit.ts";
import { createSecretSource } from "../../shared/secret-source.ts";
import { secretPlacesOf } from "../../shared/secrets-environment.ts";
import type { AnalyticsAnswer } from "./analytics/analyze.ts";
import { createGate, type Gate } from "./analytics/gate.ts";
import { type AnswerCache, createAnswerCache } from "./answer-cache.ts";
import type { InsightsConfig } from "./config.ts";
import { type Analyses, createAnalyses } from "./findings/analyses.ts";
import type { ShippedAnswer } from "./shipped/answer.ts";
import { createSources, type Sources } from "./sources.ts";
import type { SummaryAnswer } from "./summarize.ts";

export interface InsightsContext {
  authenticator: Authenticator;
  pool: Pool;
  sources: Sources;
  cache: AnswerCache<SummaryAnswer>;
  analyticsCache: AnswerCache<AnalyticsAnswer>;
  analyticsGate: Gate;
  analyses: Analyses;
  shippedCache: AnswerCache<ShippedAnswer>;
  projectId: string | undefined;
  log: Log;
  now: () => number;
  close: () => Promise<void>;
}

const CACHE = { entriesMax: 1_000, bytesMax: 16 * 1024 * 1024 };
const ANALYTICS_WAITING = { waiting: 64, waitingPerOrganization: 16 };

/** Everything the function needs, made once for each instance. Nothing connects before the first request. */
export function createContext(
  config: InsightsConfig,
  writeLog: (line: string) => void = (line) => process.stdout.write(line),
): InsightsContext {
  const log = createLog("insights", writeLog);
  const now = Date.now;
  const timeoutMs = config.NETRA_QUERY_TIMEOUT_MS;
  const secrets = createSecretSource({ env: {}, ...secretPlacesOf(config), log, now });
  const pool = createPool({
    ...databaseOf(config, secrets),
    connectionsMax: config.NETRA_DATABASE_CONNECTIONS,
    applicationName: "netra-insights",
    log,
    statementTimeoutMs: timeoutMs,
  });
  const clickhouse = createClickHouse({ ...clickhouseOf(config, secrets), requestTimeoutMs: timeoutMs });
  const perSecond = config.NETRA_REQUESTS_PER_SECOND;
  const limiter = createRateLimiter({ perSecond, burst: 2 * perSecond, now });
  return {
    authenticator: createAuthenticator({ pool, limiter, log, now }),
    pool,
    sources: createSources({ pool, clickhouse, log, now, timeoutMs }),
    cache: createAnswerCache({ ...CACHE, ttlMs: config.NETRA_SUMMARY_CACHE_MS, now }),
    analyticsCache: createAnswerCache({ ...CACHE, ttlMs: config.NETRA_SUMMARY_CACHE_MS, now }),
    analyticsGate: createGate({
      ...ANALYTICS_WAITING,
      running: config.NETRA_ANALYTICS_QUERIES,
      runningPerOrganization: Math.ceil(config.NETRA_ANALYTICS_QUERIES / 2),
      waitMs: timeoutMs,
    }),
    analyses: createAnalyses({
      pool,
      now,
      ttlMs: config.NETRA_SUMMARY_CACHE_MS,
      maxAgeMs: config.NETRA_FINDINGS_AGE_MS,
    }),
    shippedCache: createAnswerCache({ ...CACHE, ttlMs: config.NETRA_SUMMARY_CACHE_MS, now }),
    projectId: config.GOOGLE_CLOUD_PROJECT,
    log,
    now,
    async close() {
      await clickhouse.close();
      await pool.end();
    },
  };
}
