import { type Authenticator, createAuthenticator } from "../../shared/auth.ts";
import { type CheckCaller, createCallerCheck } from "../../shared/check-caller.ts";
import { createClickHouse } from "../../shared/clickhouse/client.ts";
import { clickhouseOf } from "../../shared/clickhouse/environment.ts";
import { createLog, type Log } from "../../shared/log.ts";
import { createOidcVerifier } from "../../shared/oidc.ts";
import { withJobRun } from "../../shared/postgres/job-runs.ts";
import { databaseOf } from "../../shared/postgres/environment.ts";
import { createPool } from "../../shared/postgres/pool.ts";
import { createRateLimiter } from "../../shared/rate-limit.ts";
import { createSecretSource } from "../../shared/secret-source.ts";
import { secretPlacesOf } from "../../shared/secrets-environment.ts";
import { type Activity, createActivity } from "./activity.ts";
import { createCircuitBreaker } from "../../shared/circuit-breaker.ts";
import type { IngestConfig } from "./config.ts";
import { createRelay, type Relay } from "./relay.ts";
import { createStore } from "./store-executions.ts";
import { createWriteQueue, type WriteQueue } from "./write-queue.ts";

export interface IngestContext {
  authenticator: Authenticator;
  /** Lets the scheduler call the relay; null where only administrators' keys may. */
  checkCaller: CheckCaller | null;
  queue: WriteQueue;
  relay: Relay;
  activity: Activity;
  analyticsWaitMs: number;
  projectId: string | undefined;
  log: Log;
  now: () => number;
  close: () => Promise<void>;
}

const BATCH_ROWS_MAX = 500;
const WRITES_IN_FLIGHT = 2;
const QUEUED_ROWS_MAX = 50_000;
const BATCH_BYTES_MAX = 8 * 1024 * 1024;
const QUEUED_BYTES_MAX = 128 * 1024 * 1024;
const BREAKER = { failuresMax: 3, openMs: 30_000 };

/** Everything the function needs, made once for each instance. Nothing connects before the first request. */
export function createContext(
  config: IngestConfig,
  writeLog: (line: string) => unknown = (line) => process.stdout.write(line),
): IngestContext {
  const log = createLog("ingest", writeLog);
  const now = Date.now;
  const secrets = createSecretSource({ env: {}, ...secretPlacesOf(config), log, now });
  const pool = createPool({
    ...databaseOf(config, secrets),
    connectionsMax: config.NETRA_DATABASE_CONNECTIONS,
    applicationName: "netra-ingest",
    pipelines: true,
    log,
  });
  const clickhouse = createClickHouse({
    ...clickhouseOf(config, secrets),
    requestTimeoutMs: config.NETRA_ANALYTICS_TIMEOUT_MS,
  });
  const queue = createWriteQueue({
    write: createStore(pool),
    inFlight: WRITES_IN_FLIGHT,
    inFlightMax: config.NETRA_WRITES_IN_FLIGHT,
    batchRowsMax: BATCH_ROWS_MAX,
    queuedRowsMax: QUEUED_ROWS_MAX,
    batchBytesMax: BATCH_BYTES_MAX,
    queuedBytesMax: QUEUED_BYTES_MAX,
  });
  const activity = createActivity(now);
  const relay = createRelay({
    pool,
    clickhouse,
    breaker: createCircuitBreaker({ ...BREAKER, now }),
    log,
    timeoutMs: config.NETRA_ANALYTICS_TIMEOUT_MS,
    isBusy: activity.isBusy,
  });
  const perSecond = config.NETRA_REQUESTS_PER_SECOND;
  const limiter = createRateLimiter({ perSecond, burst: 2 * perSecond, now });
  return {
    authenticator: createAuthenticator({ pool, limiter, log, now }),
    checkCaller:
      config.NETRA_CALLER_AUDIENCE === undefined
        ? null
        : createCallerCheck(
            { ...config, NETRA_CALLER_AUTH: "oidc" },
            createOidcVerifier({ keysUrl: config.NETRA_OIDC_KEYS_URL, now }),
          ),
    queue,
    relay: {
      ...relay,
      drain: (deadlineMs) =>
        withJobRun(
          { pool, log, job: "relay" },
          () => relay.drain(deadlineMs),
          (delivered) => ({ outcome: "succeeded", counts: { ...delivered } }),
        ),
    },
    activity,
    analyticsWaitMs: config.NETRA_ANALYTICS_WAIT_MS,
    projectId: config.GOOGLE_CLOUD_PROJECT,
    log,
    now,
    async close() {
      await relay.close();
      await clickhouse.close();
      await pool.end();
    },
  };
}
