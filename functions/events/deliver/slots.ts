/** Bounds how much goes on at once, in all and for each key, so that one slow receiver does not hold up the others. */
export interface Slots {
  /** Runs `work` when there is room; resolves to false without running it when there was none within `waitMs`. */
  run: (key: string, waitMs: number, work: () => Promise<void>) => Promise<boolean>;
}

interface SlotsOptions {
  atOnceMax: number;
  perKeyMax: number;
  waitingMax: number;
}

interface Waiter {
  key: string;
  start: () => void;
}

export function createSlots({ atOnceMax, perKeyMax, waitingMax }: SlotsOptions): Slots {
  const running = new Map<string, number>();
  const waiting = new Set<Waiter>();
  let total = 0;

  const hasRoom = (key: string): boolean => total < atOnceMax && (running.get(key) ?? 0) < perKeyMax;

  function take(key: string): void {
    total += 1;
    running.set(key, (running.get(key) ?? 0) + 1);
  }

  function give(key: string): void {
    total -= 1;
    const left = (running.get(key) ?? 1) - 1;
    if (left === 0) running.delete(key);
    else running.set(key, left);
    for (const waiter of waiting) {
      if (total >= atOnceMax) return;
      if (hasRoom(waiter.key)) waiter.start();
    }
  }

  function acquire(key: string, waitMs: number): Promise<boolean> {
    if (hasRoom(key)) {
      take(key);
      return Promise.resolve(true);
    }
    if (waiting.size >= waitingMax) return Promise.resolve(false);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        key,
        start() {
          clearTimeout(timer);
          waiting.delete(waiter);
          take(key);
          resolve(true);
        },
      };
      const timer = setTimeout(() => {
        waiting.delete(waiter);
        resolve(false);
      }, waitMs);
      waiting.add(waiter);
    });
  }

  return {
    async run(key, waitMs, work) {
      if (!(await acquire(key, waitMs))) return false;
      try {
        await work();
      } finally {
        give(key);
      }
      return true;
    },
  };
}
