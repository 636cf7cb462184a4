interface Entry<T> {
  dueAt: number;
  /** Of two that are due at the same moment, the one that came first goes first. */
  order: number;
  item: T;
}

/** What waits for its time: a binary heap, so that a hundred thousand waiting messages cost nothing until they are due. */
export class DueQueue<T> {
  readonly #heap: Entry<T>[] = [];
  #added = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** When the first of them is due, in milliseconds since 1970; null when nothing waits. */
  get nextDueAt(): number | null {
    return this.#heap[0]?.dueAt ?? null;
  }

  add(item: T, dueAt: number): void {
    const heap = this.#heap;
    const entry = { dueAt, order: this.#added++, item };
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, entry)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = entry;
  }

  /** Takes out the first that is due; null when none is. */
  takeDue(now: number): T | null {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.dueAt > now) return null;
    const last = heap.pop();
    if (last !== undefined && last !== first) this.#sink(last);
    return first.item;
  }

  #sink(entry: Entry<T>): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      if (left === undefined) break;
      const useRight = right !== undefined && isBefore(right, left);
      const child = useRight ? right : left;
      if (isBefore(entry, child)) break;
      heap[at] = child;
      at = 2 * at + (useRight ? 2 : 1);
    }
    heap[at] = entry;
  }
}

function isBefore(a: Entry<unknown>, b: Entry<unknown>): boolean {
  return a.dueAt < b.dueAt || (a.dueAt === b.dueAt && a.order < b.order);
}
