import type { ExecutionRow } from "../../shared/postgres/command-executions.ts";

/** What became of one row. */
export type WriteOutcome =
  | { kind: "accepted" | "updated" | "duplicate" }
  | { kind: "refused"; sqlState: string }
  | { kind: "failed"; error: unknown };

interface QueuedRow {
  organizationId: string;
  row: ExecutionRow;
  /** About what it weighs in memory and on the wire. */
  bytes: number;
  /** Its place in what was queued together, which is settled by one function. */
  position: number;
  settle: (position: number, outcome: WriteOutcome) => void;
}

export type WriteBatch = (organizationId: string, rows: readonly ExecutionRow[]) => Promise<WriteOutcome[]>;

interface WriteQueueOptions {
  write: WriteBatch;
  /** Batches on their way while less than a full one waits. */
  inFlight: number;
  /** Batches on their way while full ones wait. */
  inFlightMax: number;
  batchRowsMax: number;
  queuedRowsMax: number;
  batchBytesMax: number;
  queuedBytesMax: number;
}

export interface WriteQueue {
  /** Queues the rows of one request; false when there is no room for them. */
  add: (rows: readonly QueuedRow[]) => boolean;
}

/**
 * Groups the rows of concurrent requests into batches: greedy, without timers. A batch leaves as soon as fewer than
 * `inFlight` are on their way and takes what has come in meanwhile, so a lone request waits for nothing and a crowd
 * shares statements; full batches may leave until `inFlightMax` are on their way. When a batch ends, the next one leaves
 * before anybody is told, so that the database works while answers are written. Batches hold one organization, and an id
 * only once: its second row waits for the first one's end.
 */
export function createWriteQueue(options: WriteQueueOptions): WriteQueue {
  const waiting = new Map<string, QueuedRow[]>();
  const writing = new Map<string, Set<string>>();
  let queued = 0;
  let queuedBytes = 0;
  let inFlight = 0;
  let scheduled = false;

  function hasRoom(): boolean {
    return inFlight < (queued >= options.batchRowsMax ? options.inFlightMax : options.inFlight);
  }

  function schedule(): void {
    if (scheduled || queued === 0 || !hasRoom()) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      flush();
    });
  }

  function flush(): void {
    // One turn for each organization that waits: a large import of one holds up no other.
    let sent = false;
    for (const organizationId of Array.from(waiting.keys())) {
      if (!hasRoom()) return;
      const batch = take(organizationId);
      if (batch.length === 0) continue;
      void send(organizationId, batch);
      sent = true;
    }
    if (sent) schedule();
  }

  function take(organizationId: string): QueuedRow[] {
    const rows = waiting.get(organizationId) ?? [];
    waiting.delete(organizationId);
    const ids = writing.get(organizationId) ?? new Set();
    writing.set(organizationId, ids);
    const batch: QueuedRow[] = [];
    const rest: QueuedRow[] = [];
    let bytes = 0;
    for (const item of rows) {
      const fits =
        batch.length === 0 ||
        (batch.length < options.batchRowsMax && bytes + item.bytes <= options.batchBytesMax);
      if (fits && !ids.has(item.row.id)) {
        ids.add(item.row.id);
        batch.push(item);
        bytes += item.bytes;
      } else {
        rest.push(item);
      }
    }
    if (rest.length > 0) waiting.set(organizationId, rest);
    queued -= batch.length;
    queuedBytes -= bytes;
    return batch;
  }

  async function send(organizationId: string, batch: readonly QueuedRow[]): Promise<void> {
    inFlight += 1;
    const outcomes = await outcomesOf(options.write, organizationId, batch);
    inFlight -= 1;
    const ids = writing.get(organizationId);
    for (const { row } of batch) ids?.delete(row.id);
    if (ids?.size === 0) writing.delete(organizationId);
    flush();
    let at = 0;
    for (const { position, settle } of batch)
      settle(position, outcomes[at++] ?? { kind: "failed", error: new Error("a row has no outcome") });
  }

  return {
    add(rows) {
      const bytes = rows.reduce((sum, item) => sum + item.bytes, 0);
      if (queued + rows.length > options.queuedRowsMax || queuedBytes + bytes > options.queuedBytesMax)
        return false;
      for (const item of rows) {
        const list = waiting.get(item.organizationId);
        if (list === undefined) waiting.set(item.organizationId, [item]);
        else list.push(item);
      }
      queued += rows.length;
      queuedBytes += bytes;
      schedule();
      return true;
    },
  };
}

async function outcomesOf(
  write: WriteBatch,
  organizationId: string,
  batch: readonly QueuedRow[],
): Promise<WriteOutcome[]> {
  try {
    return await write(
      organizationId,
      batch.map((item) => item.row),
    );
  } catch (error) {
    return batch.map(() => ({ kind: "failed", error }));
  }
}
