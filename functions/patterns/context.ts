import { type CheckCaller, createCallerCheck } from "../../shared/check-caller.ts";
import { createLog, type Log } from "../../shared/log.ts";
import { createOidcVerifier } from "../../shared/oidc.ts";
import { databaseOf } from "../../shared/postgres/environment.ts";
import { createPool, type Pool } from "../../shared/postgres/pool.ts";
import { createSecretSource } from "../../shared/secret-source.ts";
import { secretPlacesOf } from "../../shared/secrets-environment.ts";
import type { PatternsConfig } from "./config.ts";
import type { PastBounds } from "./learning/learn-predictions.ts";

export interface PatternsContext {
  checkCaller: CheckCaller;
  pool: Pool;
  runMs: number;
  past: PastBounds;
  projectId: string | undefined;
  log: Log;
  now: () => number;
  close: () => Promise<void>;
}

/** A run uses one connection; others are for runs that find it under way, or wait for it. */
const CONNECTIONS = 3;
/** One statement may read a month of the ledger. */
const STATEMENT_TIMEOUT_MS = 15 * 60_000;

/** Everything the function needs, made once for each instance. Nothing connects before the first request. */
export function createContext(
  config: PatternsConfig,
  writeLog: (line: string) => unknown = (line) => process.stdout.write(line),
): PatternsContext {
  const log = createLog("patterns", writeLog);
  const now = Date.now;
  const secrets = createSecretSource({ env: {}, ...secretPlacesOf(config), log, now });
  const pool = createPool({
    ...databaseOf(config, secrets),
    connectionsMax: CONNECTIONS,
    applicationName: "netra-patterns",
    log,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  });
  return {
    checkCaller: createCallerCheck(config, createOidcVerifier({ keysUrl: config.NETRA_OIDC_KEYS_URL, now })),
    pool,
    runMs: config.NETRA_PATTERNS_RUN_SECONDS * 1_000,
    past: { days: config.NETRA_PREDICTION_DAYS, executionsMax: config.NETRA_PREDICTION_EXECUTIONS },
    projectId: config.GOOGLE_CLOUD_PROJECT,
    log,
    now,
    close: () => pool.end(),
  };
}
