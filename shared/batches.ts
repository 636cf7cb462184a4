/** Groups what concurrent callers bring into batches. */
export interface Batches<Item, Outcome> {
  /** Queues an item; resolves with its outcome. Null when there is no room for it, or none for more of its key. */
  add: (key: string, item: Item, bytes: number) => Promise<Outcome> | null;
}

interface BatchesOptions<Item, Outcome> {
  /** Handles items of one key and answers one outcome each, in order; what it throws is thrown to every caller. */
  run: (key: string, items: readonly Item[]) => Promise<readonly Outcome[]>;
  inFlightMax: number;
  /** Of one key; no bound of its own when left out. With 1, batches are larger and a slow key holds up itself alone. */
  inFlightOfKeyMax?: number;
  /** How long after a batch its place stays taken, so that the next one is larger; 0 by default. */
  pauseMs?: number;
  batchItemsMax: number;
  batchBytesMax: number;
  queuedItemsMax: number;
  /** Of one key; no bound of its own when left out. */
  queuedItemsOfKeyMax?: number;
  queuedBytesMax: number;
}

interface Waiting<Item, Outcome> {
  item: Item;
  bytes: number;
  resolve: (outcome: Outcome) => void;
  reject: (error: unknown) => void;
}

/**
 * Greedy: a batch leaves as soon as fewer than `inFlightMax` are on their way and takes what has come in
 * meanwhile, so a lone caller waits for nothing and a crowd shares the work. Keys take turns.
 */
export function createBatches<Item, Outcome>(options: BatchesOptions<Item, Outcome>): Batches<Item, Outcome> {
  const waiting = new Map<string, Waiting<Item, Outcome>[]>();
  let queued = 0;
  let queuedBytes = 0;
  const inFlightOf = new Map<string, number>();
  let inFlight = 0;
  let scheduled = false;

  function schedule(): void {
    if (scheduled || queued === 0 || inFlight >= options.inFlightMax) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      let sent = false;
      for (const key of Array.from(waiting.keys())) {
        if (inFlight >= options.inFlightMax) break;
        if ((inFlightOf.get(key) ?? 0) >= (options.inFlightOfKeyMax ?? Infinity)) continue;
        void send(key, take(key));
        sent = true;
      }
      // What could not leave does so when a batch of its key has ended.
      if (sent) schedule();
    });
  }

  function take(key: string): Waiting<Item, Outcome>[] {
    const all = waiting.get(key) ?? [];
    let bytes = 0;
    let count = 0;
    for (const one of all) {
      if (count > 0 && (count >= options.batchItemsMax || bytes + one.bytes > options.batchBytesMax)) break;
      bytes += one.bytes;
      count += 1;
    }
    waiting.delete(key);
    // What is left goes behind the other keys.
    if (count < all.length) waiting.set(key, all.slice(count));
    queued -= count;
    queuedBytes -= bytes;
    return all.slice(0, count);
  }

  async function send(key: string, batch: readonly Waiting<Item, Outcome>[]): Promise<void> {
    inFlight += 1;
    inFlightOf.set(key, (inFlightOf.get(key) ?? 0) + 1);
    try {
      const outcomes = await options.run(
        key,
        batch.map(({ item }) => item),
      );
      for (const [index, { resolve, reject }] of batch.entries()) {
        const outcome = outcomes[index];
        if (outcome === undefined) reject(new Error("an item of a batch has no outcome"));
        else resolve(outcome);
      }
    } catch (error) {
      for (const { reject } of batch) reject(error);
    }
    if (options.pauseMs === undefined) leave(key);
    else setTimeout(leave, options.pauseMs, key);
  }

  function leave(key: string): void {
    inFlight -= 1;
    const left = (inFlightOf.get(key) ?? 0) - 1;
    if (left > 0) inFlightOf.set(key, left);
    else inFlightOf.delete(key);
    schedule();
  }

  return {
    add(key, item, bytes) {
      if (queued >= options.queuedItemsMax || (queued > 0 && queuedBytes + bytes > options.queuedBytesMax)) {
        return null;
      }
      if ((waiting.get(key)?.length ?? 0) >= (options.queuedItemsOfKeyMax ?? Infinity)) return null;
      return new Promise((resolve, reject) => {
        const list = waiting.get(key);
        const one = { item, bytes, resolve, reject };
        if (list === undefined) waiting.set(key, [one]);
        else list.push(one);
        queued += 1;
        queuedBytes += bytes;
        schedule();
      });
    },
  };
}
