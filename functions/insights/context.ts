import { type Authenticator, createAuthenticator } from "../../shared/auth.ts";
import { createClickHouse } from "../../shared/clickhouse/client.ts";
import { clickhouseOf } from "../../shared/clickhouse/environment.ts";
import { createLog, type Log } from "../../shared/log.ts";
import { databaseOf } from "../../shared/postgres/environment.ts";
import { createPool, type Pool } from "../../shared/postgres/pool.ts";
import { createReader, type Reader } from "../../shared/postgres/replicas.ts";
import { createRateLimiter } from "../../shared/rate-limit.ts";
import { createSecretSource } from "../../shared/secret-source.ts";
import { secretPlacesOf } from "../../shared/secrets-environment.ts";
import type { AnalyticsAnswer } from "./analytics/analyze.ts";
import { createGate, type Gate } from "./analytics/gate.ts";
import { type AnswerCache, createAnswerCache } from "./answer-cache.ts";
import { type InsightsConfig, replicasOf } from "./config.ts";
import { type Analyses, createAnalyses } from "./findings/analyses.ts";
import type { ShippedAnswer } from "./shipped/answer.ts";
import { createSources, type Sources } from "./sources.ts";
import type { SummaryAnswer } from "./summarize.ts";

export interface InsightsContext {
  authenticator: Authenticator;
  /** The primary: for keys, what is written, and small reads, which cost no more than asking it where it is. */
  pool: Pool;
  /** For large reads. */
  reader: Reader;
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
/** Who gets no connection to a replica by then reads the primary. */
const REPLICA_CONNECT_MS = 1_000;
const ANALYTICS_WAITING = { waiting: 64, waitingPerOrganization: 16 };
/** An analysis reads a month of the ledger on one connection; others are left for questions that do not. */
export const FINDINGS_TURNS = {
  running: 2,
  runningPerOrganization: 1,
  waiting: 20,
  waitingPerOrganization: 5,
  waitMs: 20_000,
};

/** Everything the function needs, made once for each instance. Nothing connects before the first request. */
export function createContext(
  config: InsightsConfig,
  writeLog: (line: string) => void = (line) => process.stdout.write(line),
): InsightsContext {
  const log = createLog("insights", writeLog);
  const now = Date.now;
  const timeoutMs = config.NETRA_QUERY_TIMEOUT_MS;
  const secrets = createSecretSource({ env: {}, ...secretPlacesOf(config), log, now });
  const settings = { connectionsMax: config.NETRA_DATABASE_CONNECTIONS, log, statementTimeoutMs: timeoutMs };
  const pool = createPool({
    ...databaseOf(config, secrets),
    ...settings,
    applicationName: "netra-insights",
  });
  const replicas = replicasOf(config, secrets).map(({ name, address }) => ({
    name,
    pool: createPool({
      ...address,
      ...settings,
      applicationName: "netra-insights-replica",
      connectionTimeoutMs: REPLICA_CONNECT_MS,
      triesOnce: true,
    }),
  }));
  const lagMsMax = config.NETRA_REPLICA_LAG_MS_MAX;
  const reader = createReader({ primary: pool, replicas, lagMsMax, log, now });
  const clickhouse = createClickHouse({ ...clickhouseOf(config, secrets), requestTimeoutMs: timeoutMs });
  const perSecond = config.NETRA_REQUESTS_PER_SECOND;
  const caching = { ...CACHE, ttlMs: config.NETRA_SUMMARY_CACHE_MS, now };
  const sources = createSources({ reader, clickhouse, log, now, timeoutMs });
  const limiter = createRateLimiter({ perSecond, burst: 2 * perSecond, now });
  return {
    authenticator: createAuthenticator({ pool, limiter, log, now }),
    pool,
    reader,
    sources,
    cache: createAnswerCache({ ...caching, name: "summary" }),
    analyticsCache: createAnswerCache({ ...caching, name: "analytics" }),
    analyticsGate: createGate({
      ...ANALYTICS_WAITING,
      running: config.NETRA_ANALYTICS_QUERIES,
      runningPerOrganization: Math.ceil(config.NETRA_ANALYTICS_QUERIES / 2),
      waitMs: timeoutMs,
    }),
    analyses: createAnalyses({
      pool,
      reader,
      copiedFacts: sources.copiedFacts,
      now,
      ttlMs: config.NETRA_SUMMARY_CACHE_MS,
      maxAgeMs: config.NETRA_FINDINGS_AGE_MS,
      inTurn: createGate(FINDINGS_TURNS).run,
    }),
    shippedCache: createAnswerCache({ ...caching, name: "shipped" }),
    projectId: config.GOOGLE_CLOUD_PROJECT,
    log,
    now,
    async close() {
      await clickhouse.close();
      await reader.close();
      await pool.end();
    },
  };
}
