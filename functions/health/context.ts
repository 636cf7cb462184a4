import { type Authenticator, createAuthenticator } from "../../shared/auth.ts";
import { type CheckCaller, createCallerCheck } from "../../shared/check-caller.ts";
import { createClickHouse } from "../../shared/clickhouse/client.ts";
import { clickhouseOf } from "../../shared/clickhouse/environment.ts";
import { createLog, type Log } from "../../shared/log.ts";
import { createOidcVerifier } from "../../shared/oidc.ts";
import { databaseOf } from "../../shared/postgres/environment.ts";
import { createPool, type Pool } from "../../shared/postgres/pool.ts";
import { createRateLimiter } from "../../shared/rate-limit.ts";
import { createSecretSource } from "../../shared/secret-source.ts";
import { secretPlacesOf } from "../../shared/secrets-environment.ts";
import type { HealthConfig } from "./config.ts";
import type { Sources } from "./sources.ts";
import { tlsAddressesOf } from "./tls-addresses.ts";

export interface HealthContext {
  authenticator: Authenticator;
  checkCaller: CheckCaller;
  sources: Sources;
  /** For what is written, and for looking keys up: checks that hang hold no connection of it. */
  pool: Pool;
  projectId: string | undefined;
  log: Log;
  now: () => number;
  close: () => Promise<void>;
}

/** Checks are asked for at once; a few connections are enough because each answers within milliseconds. */
const CHECK_CONNECTIONS = 4;
const CONNECTIONS = 2;
/** Together they leave the answer time within two seconds. */
const CONNECT_MS = 700;
const STATEMENT_MS = 1_200;
const KEY_STATEMENT_MS = 700;

/** Everything the function needs, made once for each instance. Nothing connects before the first request. */
export function createContext(
  config: HealthConfig,
  writeLog: (line: string) => unknown = (line) => process.stdout.write(line),
): HealthContext {
  const log = createLog("health", writeLog);
  const now = Date.now;
  const secrets = createSecretSource({ env: {}, ...secretPlacesOf(config), log, now });
  const database = databaseOf(config, secrets);
  const openPool = (name: string, connectionsMax: number, statementTimeoutMs: number): Pool =>
    createPool({
      ...database,
      connectionsMax,
      applicationName: name,
      log,
      connectionTimeoutMs: CONNECT_MS,
      statementTimeoutMs,
      answerGraceMs: 100,
      triesOnce: true,
    });
  const pool = openPool("netra-health", CONNECTIONS, KEY_STATEMENT_MS);
  const checks = openPool("netra-health-checks", CHECK_CONNECTIONS, STATEMENT_MS);
  const clickhouse = createClickHouse({ ...clickhouseOf(config, secrets), requestTimeoutMs: STATEMENT_MS });
  const perSecond = config.NETRA_REQUESTS_PER_SECOND;
  const limiter = createRateLimiter({ perSecond, burst: 2 * perSecond, now });
  return {
    authenticator: createAuthenticator({ pool, limiter, log, now }),
    checkCaller: createCallerCheck(config, createOidcVerifier({ keysUrl: config.NETRA_OIDC_KEYS_URL, now })),
    sources: {
      pool: checks,
      clickhouse,
      now,
      replicasExpected: config.NETRA_REPLICAS_EXPECTED,
      databaseBytesMax: config.NETRA_DATABASE_GB_MAX * 1e9,
      tlsAddresses: tlsAddressesOf(config.DATABASE_URL, config.CLICKHOUSE_URL),
    },
    pool,
    projectId: config.GOOGLE_CLOUD_PROJECT,
    log,
    now,
    async close() {
      await clickhouse.close();
      await Promise.all([pool.end(), checks.end()]);
    },
  };
}
