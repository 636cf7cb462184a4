import { createHash } from "node:crypto";
import type { ClickHouse } from "../../shared/clickhouse/client.ts";
import { insertExecutionLines } from "../../shared/clickhouse/executions.ts";
import { describeError, type Log } from "../../shared/log.ts";
import {
  claimBatch,
  countOutbox,
  deleteBatch,
  listBatch,
  type OutboxRow,
  sealBatch,
} from "../../shared/postgres/analytics-outbox.ts";
import { type Pool, withSystemRole } from "../../shared/postgres/pool.ts";
import type { CircuitBreaker } from "./circuit-breaker.ts";

/**
 * Carries stored executions to the analytics copy, each exactly once in effect. A batch is sealed in a transaction of its
 * own and never changes afterwards; it is delivered under a token made of its contents, which ClickHouse drops when it has
 * seen it; only then is it deleted. Whatever step a crash falls between, the next run does it again with the same token.
 */
export interface Relay {
  /** Starts carrying, unless that goes on already or the analytics store is known to be away. Never rejects. */
  kick: () => void;
  /** Resolves when what was kicked has ended, at once when nothing goes on or the store is away, or after `ms`. */
  settled: (ms: number) => Promise<void>;
  /** Carries everything there is, however busy the instance, for at most `deadlineMs`. Rejects when it cannot. */
  drain: (deadlineMs: number) => Promise<{ delivered: number; batches: number; waiting: number }>;
  close: () => Promise<void>;
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
const BATCHES_PER_RUN_MAX = 1_000;
const YIELD_STEP_MS = 50;

export function createRelay(options: RelayOptions): Relay {
  let running: Promise<void> | null = null;
  let again = false;
  let closed = false;
  let draining = 0;
  const aborting = new AbortController();

  async function run(): Promise<void> {
    again = false;
    await carryAll(options, {
      shouldYield: () => !closed && draining === 0,
      until: Infinity,
      signal: aborting.signal,
    });
    if (again && !closed) await run();
  }

  function kick(): void {
    if (closed) return;
    if (running !== null) {
      again = true;
      return;
    }
    if (!options.breaker.allows()) return;
    running = run()
      .catch((error: unknown) => {
        options.log(
          "WARNING",
          "the analytics copy was not written; it will be tried again",
          describeError(error),
        );
      })
      .finally(() => {
        running = null;
      });
  }

  return {
    kick,
    async settled(ms) {
      if (running === null || options.breaker.isOpen() || ms === 0) return;
      await Promise.race([running, sleep(ms)]);
    },
    async drain(deadlineMs) {
      const until = Date.now() + deadlineMs;
      draining += 1;
      // What a kicked run has claimed is delivered by it, so it is waited for, and it no longer gives way.
      await Promise.race([running, sleep(deadlineMs)]);
      draining -= 1;
      const carried = await carryAll(options, {
        shouldYield: () => false,
        until,
        signal: aborting.signal,
      });
      const { waiting } = await withSystemRole(options.pool, countOutbox);
      return { ...carried, waiting };
    },
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

async function carryAll(options: RelayOptions, run: Run): Promise<{ delivered: number; batches: number }> {
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
  if (failure !== undefined) throw failure;
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
  const sealed = await withSystemRole(options.pool, (sql) => sealBatch(sql, BATCH_ROWS_MAX));
  return sealed ? deliverSealed(options, except, signal) : "nothing";
}

async function deliverSealed(
  options: RelayOptions,
  except: readonly number[],
  signal: AbortSignal,
): Promise<Carried> {
  return withSystemRole(options.pool, async (sql): Promise<Carried> => {
    const batch = await claimBatch(sql, except);
    if (batch === null) return "nothing";
    const rows = await listBatch(sql, batch);
    try {
      await insertExecutionLines(options.clickhouse, {
        lines: rows.flatMap((row) => row.line ?? []),
        deduplicationToken: tokenOf(rows),
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
function tokenOf(rows: readonly OutboxRow[]): string {
  const hash = createHash("sha256");
  for (const row of rows) hash.update(row.organization_id).update(row.execution_id);
  return `executions-${hash.digest("hex")}`;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
