import { setTimeout as delay } from "node:timers/promises";
import { DatabaseError } from "pg";
import {
  countAnalyticsTenantRows,
  eraseAnalyticsTenant,
  listAnalyticsTenantTables,
} from "../clickhouse/retention.ts";
import { AppError } from "../errors.ts";
import { describeError } from "../log.ts";
import { tryLockPatterns, unlockPatterns } from "../postgres/pattern-state.ts";
import { listArchives } from "../postgres/retention-archives.ts";
import {
  closeOrganization,
  countTenantRows,
  eraseOrganizationRow,
  eraseSealedRows,
  eraseTenantRows,
  listTenantTables,
} from "../postgres/retention-erase.ts";
import {
  finishRetentionRun,
  insertRetentionRun,
  noteRetention,
  noteRetentionStep,
} from "../postgres/retention-runs.ts";
import { connectForRetention, type RetentionConnection, type RetentionTools } from "./connection.ts";
import { countInFiles, eraseFromFiles } from "./erase-files.ts";

interface TableCount {
  store: "postgres" | "clickhouse" | "files";
  table: string;
  rows_before: number;
  rows_after: number;
}

export interface EraseOutcome {
  organization_id: string;
  run_id: number;
  /** Every table of either database and the files that held something of the organization, counted before and after. */
  tables: TableCount[];
  rows_before: number;
  rows_after: number;
  /** What was waiting for the analytics copy and could not be taken back: come again when it has been delivered. */
  waiting: number;
  /** Nothing is left. */
  is_done: boolean;
}

export interface EraseOptions {
  organizationId: string;
  /** How long functions may still know a key that was revoked. */
  keysKnownMs: number;
  /** How long to wait for the relay to deliver what it has sealed together with others' rows. */
  relayMs: number;
}

const LOCK_WAIT_MS = 60_000;
const POLL_MS = 500;
const BATCH_ROWS = 5_000;
const PASSES_MAX = 5;

/**
 * Erases all of an organization: keys first, then every table of either database that the catalogues name, archives and
 * their files, and the organization itself; then it looks for it everywhere once more. May be called again after it was cut
 * off, also when the organization's own row is gone. What proves it names no more than the id.
 */
export async function eraseOrganization(tools: RetentionTools, options: EraseOptions): Promise<EraseOutcome> {
  await using connection = await connectForRetention(tools, LOCK_WAIT_MS);
  if (connection === null) throw busy("a run of retention is at work");
  const { organizationId } = options;
  const exported = (await connection.run(listArchives)).some(({ location }) => location !== null);
  if (exported && tools.store === null) {
    throw new AppError(
      "conflict",
      "there are exported archives: say where with NETRA_ARCHIVE, as the function has it; nothing was erased",
    );
  }
  const runId = await connection.run((sql) =>
    insertRetentionRun(sql, { kind: "erase", subjectId: organizationId, countedFrom: tools.clock() }),
  );
  const step = async (name: string): Promise<void> => {
    await connection.run((sql) => noteRetentionStep(sql, runId, name));
    await tools.onStep?.(name);
  };
  try {
    await step("count");
    const before = await countEverywhere(tools, connection, organizationId);
    await step("revoke keys");
    await connection.run((sql) => closeOrganization(sql, organizationId));
    await delay(options.keysKnownMs);
    await lockPatterns(connection);
    const waiting = await eraseAll(tools, connection, options, step);
    await step("look again");
    const after = await countEverywhere(tools, connection, organizationId);
    const tables = compare(before, after);
    const outcome: EraseOutcome = {
      organization_id: organizationId,
      run_id: runId,
      tables,
      rows_before: tables.reduce((sum, { rows_before }) => sum + rows_before, 0),
      rows_after: tables.reduce((sum, { rows_after }) => sum + rows_after, 0),
      waiting,
      is_done: waiting === 0 && tables.every(({ rows_after }) => rows_after === 0),
    };
    await connection.run(async (sql) => {
      await noteRetention(sql, {
        organizationId: null,
        action: "organization.erased",
        about: organizationId,
        metadata: { run_id: runId, rows: outcome.rows_before, is_done: outcome.is_done },
      });
      await finishRetentionRun(sql, runId, outcome.is_done ? "done" : "incomplete", outcome);
      await unlockPatterns(sql);
    });
    return outcome;
  } catch (error) {
    await connection.run((sql) => finishRetentionRun(sql, runId, "failed", describeError(error)));
    throw error;
  }
}

function compare(before: Counts, after: Counts): TableCount[] {
  const names = new Set([...before.keys(), ...after.keys()]);
  return [...names].flatMap((name) => {
    const one = before.get(name) ?? after.get(name);
    if (one === undefined) return [];
    const { store, table } = one;
    return {
      store,
      table,
      rows_before: before.get(name)?.rows ?? 0,
      rows_after: after.get(name)?.rows ?? 0,
    };
  });
}

function busy(what: string): AppError {
  return new AppError("unavailable", `${what}; come again when it has ended`, { retryAfterSeconds: 60 });
}

/** A counting under way would write roll-ups of what is being erased. */
async function lockPatterns(connection: RetentionConnection): Promise<void> {
  for (let waited = 0; !(await connection.run(tryLockPatterns)); waited += POLL_MS) {
    if (waited >= LOCK_WAIT_MS) throw busy("patterns are being counted");
    await delay(POLL_MS);
  }
}

async function eraseAll(
  tools: RetentionTools,
  connection: RetentionConnection,
  { organizationId, relayMs }: EraseOptions,
  step: (name: string) => Promise<void>,
): Promise<number> {
  let waiting = 0;
  for (let pass = 1; pass <= PASSES_MAX; pass += 1) {
    const left = await eraseTables(connection, organizationId, step);
    await step("erase what waits for the analytics copy");
    waiting = await waitForRelay(connection, organizationId, relayMs);
    for (const table of await listAnalyticsTenantTables(tools.clickhouse)) {
      if ((await countAnalyticsTenantRows(tools.clickhouse, table, organizationId)) === 0) continue;
      await step(`erase from ${table} of the analytics copy`);
      await eraseAnalyticsTenant(tools.clickhouse, table, organizationId);
    }
    if (left === 0 || waiting > 0) break;
  }
  if (tools.store !== null) await eraseFromFiles(tools.store, connection, organizationId, step);
  if (waiting > 0) return waiting;
  await step("erase the organization");
  await connection.run((sql) => eraseOrganizationRow(sql, organizationId));
  return 0;
}

/** Tables that others refer to may refuse at first: they come again in the next pass. Returns how many did. */
async function eraseTables(
  connection: RetentionConnection,
  organizationId: string,
  step: (name: string) => Promise<void>,
): Promise<number> {
  let left = 0;
  for (const table of await connection.run(listTenantTables)) {
    if ((await connection.run((sql) => countTenantRows(sql, table, organizationId))) === 0) continue;
    await step(`erase from ${table.table}`);
    try {
      while ((await connection.run((sql) => eraseTenantRows(sql, table, organizationId, BATCH_ROWS))) > 0);
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.code !== FOREIGN_KEY_VIOLATION) throw error;
      left += 1;
    }
  }
  return left;
}

const FOREIGN_KEY_VIOLATION = "23503";

async function waitForRelay(
  connection: RetentionConnection,
  organizationId: string,
  relayMs: number,
): Promise<number> {
  for (let waited = 0; ; waited += POLL_MS) {
    const waiting = await connection.run((sql) => eraseSealedRows(sql, organizationId));
    if (waiting === 0 || waited >= relayMs) return waiting;
    await delay(POLL_MS);
  }
}

type Counts = Map<string, Pick<TableCount, "store" | "table"> & { rows: number }>;

async function countEverywhere(
  tools: RetentionTools,
  connection: RetentionConnection,
  organizationId: string,
): Promise<Counts> {
  const counts: Counts = new Map();
  const add = (store: TableCount["store"], table: string, rows: number): void => {
    if (rows > 0) counts.set(`${store} ${table}`, { store, table, rows });
  };
  for (const table of await connection.run(listTenantTables)) {
    const rows = await connection.run((sql) => countTenantRows(sql, table, organizationId));
    add("postgres", table.schema === "public" ? table.table : `${table.schema}.${table.table}`, rows);
  }
  for (const table of await listAnalyticsTenantTables(tools.clickhouse))
    add("clickhouse", table, await countAnalyticsTenantRows(tools.clickhouse, table, organizationId));
  if (tools.store !== null)
    add("files", tools.store.location, await countInFiles(tools.store, connection, organizationId));
  return counts;
}
