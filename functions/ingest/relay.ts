import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClickHouse } from "../../shared/clickhouse/client.ts";
import { insertLines } from "../../shared/clickhouse/insert-lines.ts";
import { AppError } from "../../shared/errors.ts";
import { describeError, type Log } from "../../shared/log.ts";
import {
  claimBatch,
  countWaiting,
  deleteBatch,
  listBatch,
  type OutboxKind,
  type OutboxRow,
  sealBatch,
} from "../../shared/postgres/analytics-outbox.ts";
import { type Pool, withOrganization, withSystemRole } from "../../shared/postgres/pool.ts";
import type { CircuitBreaker } from "../../shared/circuit-breaker.ts";

/**
 * Carries stored executions and processed events to the analytics copy, each exactly once in effect. A batch is sealed in a transaction of its
 * own and never changes afterwards; it is delivered under a token made of its contents, which ClickHouse drops when it has
 * seen it; only then is it deleted. Whatever step a crash falls between, the next run does it again with the same token.
 */
export interface Relay {
  /** Starts carrying, unless that goes on already or the analytics store is known to be away. Never rejects. */
  kick: () => void;
  /** Resolves when what was kicked has ended, at once when nothing goes on or the store is away, or after `ms`. */
  settled: (ms: number) => Promise<void>;
  /**
   * Carries everything there is, however busy the instance, for at most `deadlineMs`; whoever asks meanwhile shares the
   * answer. Rejects when it cannot.
   */
  drain: (deadlineMs: number) => Promise<Delivered>;
  /** How many records of an organization still wait, counted up to a bound. */
  countWaiting: (organizationId: string) => Promise<number>;
  close: () => Promise<void>;
}

interface Delivered {
  delivered: number;
  batches: number;
}

interface RelayOptions {
  pool: Pool;
  clickhouse: ClickHouse;
  breaker: CircuitBreaker;
  log: Log;
  timeoutMs: number;
  /** While this is true the ledger has the machine, and the copy waits for up to `yieldMsMax` a batch. */
  isBusy: () => boolean;
  yieldMsMax?: number;
}

const BATCH_ROWS_MAX = 5_000;
const BATCH_BYTES_MAX = 8 * 1024 * 1024;
const BATCHES_PER_RUN_MAX = 1_000;
const YIELD_STEP_MS = 50;
const COUNTED_MAX = 100_000;

const TABLES = { executions: "executions", events: "workload_events" } as const;

export function createRelay(options: RelayOptions): Relay {
  let running: Promise<void> | null = null;
  let draining: Promise<Delivered> | null = null;
  let again = false;
  let closed = false;
  const aborting = new AbortController();
  const shouldYield = (): boolean => !closed && draining === null;

  async function run(): Promise<void> {
    again = false;
    try {
      await carryAll(options, { shouldYield, until: Infinity, signal: aborting.signal });
    } catch (error) {
      options.log(
        "WARNING",
        "the analytics copy was not written; it will be tried again",
        describeError(error),
      );
    }
    running = null;
    if (again) kick();
  }

  function kick(): void {
    if (running !== null) again = true;
    else if (!closed && options.breaker.allows()) running = run();
  }

  async function drain(deadlineMs: number): Promise<Delivered> {
    const until = Date.now() + deadlineMs;
    // What a kicked run has claimed is delivered by it, so it is waited for; it no longer gives way.
    await Promise.race([running, sleep(deadlineMs)]);
    try {
      return await carryAll(options, { shouldYield: () => false, until, signal: aborting.signal });
    } finally {
      draining = null;
    }
  }

  return {
    kick,
    async settled(ms) {
      if (running === null || options.breaker.isOpen() || ms === 0) return;
      await Promise.race([running, sleep(ms)]);
    },
    drain(deadlineMs) {
      draining ??= drain(deadlineMs);
      return draining;
    },
    countWaiting: (organizationId) =>
      withOrganization(options.pool, organizationId, (sql) =>
        countWaiting(sql, COUNTED_MAX, ["executions", "events"]),
      ),
    async close() {
      closed = true;
      const grace = setTimeout(() => aborting.abort(), options.timeoutMs);
      await running;
      clearTimeout(grace);
      aborting.abort();
    },
  };
}

interface Run {
  shouldYield: () => boolean;
  until: number;
  signal: AbortSignal;
}

async function carryAll(options: RelayOptions, run: Run): Promise<Delivered> {
  const failed: number[] = [];
  let delivered = 0;
  let batches = 0;
  let failure: unknown;
  while (batches + failed.length < BATCHES_PER_RUN_MAX && Date.now() < run.until && !run.signal.aborted) {
    if (run.shouldYield()) await yieldToLedger(options, run);
    const outcome = await carryOne(options, failed, run.signal);
    if (outcome === "nothing") break;
    if ("failure" in outcome) {
      failure = outcome.failure;
      failed.push(outcome.batch);
      if (options.breaker.isOpen()) break;
    } else {
      delivered += outcome.delivered;
      batches += 1;
    }
  }
  if (failure !== undefined) {
    throw new AppError("unavailable", "the analytics store does not take the copy; it will be tried again", {
      cause: failure,
      retryAfterSeconds: 30,
    });
  }
  return { delivered, batches };
}

async function yieldToLedger(options: RelayOptions, run: Run): Promise<void> {
  const until = Date.now() + (options.yieldMsMax ?? 5_000);
  while (options.isBusy() && Date.now() < until && run.shouldYield()) await sleep(YIELD_STEP_MS);
}

type Carried = "nothing" | { delivered: number } | { batch: number; failure: unknown };

/** Delivers one sealed batch, sealing a new one when there is none left over. */
async function carryOne(
  options: RelayOptions,
  except: readonly number[],
  signal: AbortSignal,
): Promise<Carried> {
  const carried = await deliverSealed(options, except, signal);
  if (carried !== "nothing") return carried;
  const sealed = await withSystemRole(options.pool, (sql) => sealBatch(sql, BATCH_ROWS_MAX, BATCH_BYTES_MAX));
  return sealed ? deliverSealed(options, except, signal) : "nothing";
}

async function deliverSealed(
  options: RelayOptions,
  except: readonly number[],
  signal: AbortSignal,
): Promise<Carried> {
  return withSystemRole(options.pool, async (sql): Promise<Carried> => {
    const claimed = await claimBatch(sql, except);
    if (claimed === null) return "nothing";
    const { batch, kind } = claimed;
    const rows = await listBatch(sql, claimed);
    const gone = rows.filter((row) => row.line === null).length;
    if (gone > 0)
      options.log("WARNING", "records left the ledger before they were copied", { batch, kind, gone });
    try {
      await insertLines(options.clickhouse, {
        table: TABLES[kind],
        lines: rows.flatMap((row) => row.line ?? []),
        deduplicationToken: tokenOf(kind, rows),
        signal: AbortSignal.any([signal, AbortSignal.timeout(options.timeoutMs)]),
      });
    } catch (failure) {
      options.breaker.failed();
      return { batch, failure };
    }
    options.breaker.succeeded();
    await deleteBatch(sql, batch);
    return { delivered: rows.length };
  });
}

/** Named after what it holds, not after its number: numbers start again when a database is made anew. */
function tokenOf(kind: OutboxKind, rows: readonly OutboxRow[]): string {
  const hash = createHash("sha256");
  for (const row of rows) hash.update(row.organization_id).update(row.record_id);
  return `${kind}-${hash.digest("hex")}`;
}
