import { createClickHouse } from "../../shared/clickhouse/client.ts";
import { createLog } from "../../shared/log.ts";
import { createPool } from "../../shared/postgres/pool.ts";
import type { RetentionTools } from "../../shared/retention/connection.ts";
import { ARCHIVE_PLACES, isArchivePlace, openArchiveStore } from "../../shared/retention/open-store.ts";
import { getAdminDatabaseUrl, getClickHouseUrl } from "../connection.ts";
import { UsageError } from "../exit-codes.ts";
import type { RetentionCall } from "./retention-options.ts";

const STATEMENT_MS = 10 * 60_000;

/** Runs work with the owner's rights on both databases; what it says of its steps goes to stderr. */
export async function withTools<T>(
  { source, io, values }: Pick<RetentionCall, "source" | "io" | "values">,
  work: (tools: RetentionTools) => Promise<T>,
): Promise<T> {
  const place = io.env["NETRA_ARCHIVE"] || "table";
  if (!isArchivePlace(place)) throw new UsageError(`NETRA_ARCHIVE ${ARCHIVE_PLACES}`);
  const log = createLog("netra-retention", () => undefined);
  const pool = createPool({
    databaseUrl: getAdminDatabaseUrl(source),
    connectionsMax: 2,
    applicationName: "netra-retention",
    log,
    statementTimeoutMs: STATEMENT_MS,
  });
  const clickhouse = createClickHouse({
    url: getClickHouseUrl(source),
    requestTimeoutMs: STATEMENT_MS,
    maxOpenConnections: 2,
  });
  try {
    return await work({
      pool,
      asSystem: false,
      clickhouse,
      store: openArchiveStore(place, {
        metadataHost: io.env["GCE_METADATA_HOST"],
        apiUrl: io.env["STORAGE_EMULATOR_HOST"],
        now: Date.now,
      }),
      log,
      clock: Date.now,
      onStep: (step) => {
        if (io.errIsTerminal && !values.json) io.err(`  ${step}\n`);
      },
    });
  } finally {
    await pool.end();
    await clickhouse.close();
  }
}
