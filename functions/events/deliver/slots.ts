/** Whose work it is: bounds hold for each group, and within it for each key. */
interface SlotOwner {
  group: string;
  key: string;
}

/**
 * Bounds how much goes on and waits at once, in all, for each group and for each key of one, so that neither a slow
 * receiver holds up the others nor one tenant all tenants.
 */
export interface Slots {
  /** Runs `work` when there is room; resolves to false without running it when there was none within `waitMs`. */
  run: (owner: SlotOwner, waitMs: number, work: () => Promise<void>) => Promise<boolean>;
}

export interface SlotsOptions {
  atOnceMax: number;
  perGroupMax: number;
  perKeyMax: number;
  waitingMax: number;
  waitingPerGroupMax: number;
}

interface Waiter {
  key: string;
  start: () => void;
}

interface Group {
  running: number;
  byKey: Map<string, number>;
  waiting: Set<Waiter>;
}

export function createSlots(options: SlotsOptions): Slots {
  // Groups that run or wait for something, in the order in which they get a free place: who got one goes to the end.
  const groups = new Map<string, Group>();
  let running = 0;
  let waiting = 0;

  const hasRoom = (group: Group, key: string): boolean =>
    running < options.atOnceMax &&
    group.running < options.perGroupMax &&
    (group.byKey.get(key) ?? 0) < options.perKeyMax;

  function groupOf(name: string): Group {
    const group = groups.get(name) ?? { running: 0, byKey: new Map(), waiting: new Set() };
    groups.set(name, group);
    return group;
  }

  function forgetIfIdle(name: string, group: Group): void {
    if (group.running === 0 && group.waiting.size === 0) groups.delete(name);
  }

  function take(name: string, group: Group, key: string): void {
    running += 1;
    group.running += 1;
    group.byKey.set(key, (group.byKey.get(key) ?? 0) + 1);
    groups.delete(name);
    groups.set(name, group);
  }

  function give({ group: name, key }: SlotOwner): void {
    const group = groupOf(name);
    running -= 1;
    group.running -= 1;
    const left = (group.byKey.get(key) ?? 1) - 1;
    if (left === 0) group.byKey.delete(key);
    else group.byKey.set(key, left);
    while (startNext());
    forgetIfIdle(name, group);
  }

  /** Starts what has waited longest of the group whose turn it is; false when nothing can be started. */
  function startNext(): boolean {
    if (running >= options.atOnceMax || waiting === 0) return false;
    for (const group of groups.values()) {
      if (group.running >= options.perGroupMax) continue;
      for (const waiter of group.waiting) {
        if (!hasRoom(group, waiter.key)) continue;
        waiter.start();
        return true;
      }
    }
    return false;
  }

  function acquire({ group: name, key }: SlotOwner, waitMs: number): Promise<boolean> {
    const group = groupOf(name);
    if (hasRoom(group, key)) {
      take(name, group, key);
      return Promise.resolve(true);
    }
    if (waiting >= options.waitingMax || group.waiting.size >= options.waitingPerGroupMax) {
      forgetIfIdle(name, group);
      return Promise.resolve(false);
    }
    return new Promise((resolve) => {
      const leave = (): void => {
        clearTimeout(timer);
        group.waiting.delete(waiter);
        waiting -= 1;
      };
      const waiter: Waiter = {
        key,
        start() {
          leave();
          take(name, group, key);
          resolve(true);
        },
      };
      const timer = setTimeout(() => {
        leave();
        forgetIfIdle(name, group);
        resolve(false);
      }, waitMs);
      group.waiting.add(waiter);
      waiting += 1;
    });
  }

  return {
    async run(owner, waitMs, work) {
      if (!(await acquire(owner, waitMs))) return false;
      try {
        await work();
      } finally {
        give(owner);
      }
      return true;
    },
  };
}
