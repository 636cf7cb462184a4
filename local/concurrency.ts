/** Lets a fixed number of tasks run at once and a fixed number wait, first come first served. */
export class ConcurrencyLimit {
  readonly #running: number;
  readonly #waitingMax: number;
  readonly #waiting: Array<() => void> = [];
  #active = 0;

  constructor(limits: { running: number; waiting: number }) {
    this.#running = limits.running;
    this.#waitingMax = limits.waiting;
  }

  /** Resolves when the task may run; null when already too many wait. Call the result when the task is over. */
  async enter(): Promise<(() => void) | null> {
    if (this.#active < this.#running) {
      this.#active += 1;
    } else {
      if (this.#waiting.length >= this.#waitingMax) return null;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await promise;
    }
    return () => this.#leave();
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#active -= 1;
    else next();
  }
}
