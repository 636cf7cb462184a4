import { type CheckCaller, createCallerCheck } from "../../shared/check-caller.ts";
import { createClickHouse } from "../../shared/clickhouse/client.ts";
import { clickhouseOf } from "../../shared/clickhouse/environment.ts";
import { createLog, type Log } from "../../shared/log.ts";
import { createOidcVerifier } from "../../shared/oidc.ts";
import { databaseOf } from "../../shared/postgres/environment.ts";
import { createPool } from "../../shared/postgres/pool.ts";
import type { RetentionTools } from "../../shared/retention/connection.ts";
import { openArchiveStore } from "../../shared/retention/open-store.ts";
import { createSecretSource } from "../../shared/secret-source.ts";
import { secretPlacesOf } from "../../shared/secrets-environment.ts";
import type { RetentionConfig } from "./config.ts";

export interface RetentionContext {
  checkCaller: CheckCaller;
  tools: RetentionTools;
  runMs: number;
  projectId: string | undefined;
  log: Log;
  close: () => Promise<void>;
}

/** A run uses one connection; another is for one that finds it under way. */
const CONNECTIONS = 2;
/** One statement may count a month of the ledger. */
const STATEMENT_TIMEOUT_MS = 10 * 60_000;

/** Everything the function needs, made once for each instance. Nothing connects before the first request. */
export function createContext(
  config: RetentionConfig,
  writeLog: (line: string) => unknown = (line) => process.stdout.write(line),
): RetentionContext {
  const log = createLog("retention", writeLog);
  const now = Date.now;
  const secrets = createSecretSource({ env: {}, ...secretPlacesOf(config), log, now });
  const pool = createPool({
    ...databaseOf(config, secrets),
    connectionsMax: CONNECTIONS,
    applicationName: "netra-retention",
    log,
    statementTimeoutMs: STATEMENT_TIMEOUT_MS,
  });
  const clickhouse = createClickHouse({
    ...clickhouseOf(config, secrets),
    requestTimeoutMs: STATEMENT_TIMEOUT_MS,
    maxOpenConnections: 2,
  });
  return {
    checkCaller: createCallerCheck(config, createOidcVerifier({ keysUrl: config.NETRA_OIDC_KEYS_URL, now })),
    tools: {
      pool,
      asSystem: true,
      clickhouse,
      store: openArchiveStore(config.NETRA_ARCHIVE, {
        metadataHost: config.GCE_METADATA_HOST,
        apiUrl: config.STORAGE_EMULATOR_HOST,
        now,
      }),
      log,
      clock: now,
    },
    runMs: config.NETRA_RETENTION_RUN_SECONDS * 1_000,
    projectId: config.GOOGLE_CLOUD_PROJECT,
    log,
    async close() {
      await pool.end();
      await clickhouse.close();
    },
  };
}
