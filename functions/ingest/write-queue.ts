import type { ExecutionRow } from "../../shared/postgres/command-executions.ts";

/** What became of one row. */
export type WriteOutcome =
  | { kind: "accepted" | "updated" | "duplicate" }
  | { kind: "refused"; sqlState: string }
  | { kind: "failed"; error: unknown };

interface QueuedRow {
  row: ExecutionRow;
  /** About what it weighs in memory and on the wire. */
  bytes: number;
}

/** Rows that were queued together, and what has become of them. */
interface Request {
  outcomes: WriteOutcome[];
  rowsLeft: number;
  resolve: (outcomes: WriteOutcome[]) => void;
}

interface WaitingRow extends QueuedRow {
  request: Request;
  /** Its place in the request. */
  position: number;
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
  /**
   * Queues the rows of one request, or of a part of a large one, and tells the fate of each; it never rejects. Null when
   * there is no room for them.
   */
  add: (organizationId: string, rows: readonly QueuedRow[]) => Promise<WriteOutcome[]> | null;
}

/**
 * The part of the requests at work that one batch takes, so that of a crowd another part can wait at the database, and the
 * rest is in the hands of the function, which would be idle otherwise.
 */
const SHARE = 0.4;
const UNKNOWN: WriteOutcome = { kind: "failed", error: new Error("a row has no outcome") };

/**
 * Groups the rows of concurrent requests into batches: greedy, without timers. A batch leaves as soon as fewer than
 * `inFlight` are on their way and takes its share of what has come in meanwhile, so a lone request waits for nothing and a
 * crowd shares statements; while a full one waits, batches leave until `inFlightMax` are on their way. When a batch ends,
 * the next one leaves before anybody is told, so that the database works while answers are written. Batches hold one
 * organization, and an id only once: its second row waits for the first one's end.
 */
export function createWriteQueue(options: WriteQueueOptions): WriteQueue {
  const waiting = new Map<string, WaitingRow[]>();
  const writing = new Map<string, Set<string>>();
  let queued = 0;
  let queuedBytes = 0;
  let inFlight = 0;
  let scheduled = false;
  let requests = 0;

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

  function take(organizationId: string): WaitingRow[] {
    const rows = waiting.get(organizationId) ?? [];
    waiting.delete(organizationId);
    const ids = writing.get(organizationId) ?? new Set();
    writing.set(organizationId, ids);
    const batch: WaitingRow[] = [];
    const rest: WaitingRow[] = [];
    let bytes = 0;
    let requestsLeft = Math.ceil(requests * SHARE);
    let request: Request | undefined;
    for (const item of rows) {
      const isNext = item.request !== request;
      const fits =
        batch.length === 0 ||
        (batch.length < options.batchRowsMax &&
          bytes + item.bytes <= options.batchBytesMax &&
          (!isNext || requestsLeft > 0));
      if (fits && !ids.has(item.row.id)) {
        ids.add(item.row.id);
        batch.push(item);
        bytes += item.bytes;
        if (isNext) requestsLeft -= 1;
        request = item.request;
      } else {
        rest.push(item);
      }
    }
    if (rest.length > 0) waiting.set(organizationId, rest);
    queued -= batch.length;
    queuedBytes -= bytes;
    return batch;
  }

  async function send(organizationId: string, batch: readonly WaitingRow[]): Promise<void> {
    inFlight += 1;
    const outcomes = await outcomesOf(options.write, organizationId, batch);
    inFlight -= 1;
    const ids = writing.get(organizationId);
    for (const { row } of batch) ids?.delete(row.id);
    if (ids?.size === 0) writing.delete(organizationId);
    flush();
    for (const [index, { request, position }] of batch.entries())
      settle(request, position, outcomes[index] ?? UNKNOWN);
  }

  function settle(request: Request, position: number, outcome: WriteOutcome): void {
    request.outcomes[position] = outcome;
    request.rowsLeft -= 1;
    if (request.rowsLeft > 0) return;
    requests -= 1;
    request.resolve(request.outcomes);
  }

  return {
    add(organizationId, rows) {
      const bytes = rows.reduce((sum, item) => sum + item.bytes, 0);
      if (queued + rows.length > options.queuedRowsMax || queuedBytes + bytes > options.queuedBytesMax)
        return null;
      if (rows.length === 0) return Promise.resolve([]);
      return new Promise((resolve) => {
        const request = { outcomes: rows.map(() => UNKNOWN), rowsLeft: rows.length, resolve };
        const list = waiting.get(organizationId) ?? [];
        waiting.set(organizationId, list);
        for (const [position, { row, bytes: weight }] of rows.entries())
          list.push({ row, bytes: weight, request, position });
        requests += 1;
        queued += rows.length;
        queuedBytes += bytes;
        schedule();
      });
    },
  };
}

async function outcomesOf(
  write: WriteBatch,
  organizationId: string,
  batch: readonly WaitingRow[],
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
