const START = 4;

/**
 * How many pushes may be under way at once. Like Pub/Sub's own, it begins small, doubles with every window of
 * acknowledgements, and halves when a message is not acknowledged.
 */
export class PushWindow {
  readonly #max: number;
  #size: number;

  constructor(max: number) {
    this.#max = max;
    this.#size = Math.min(START, max);
  }

  get size(): number {
    return Math.floor(this.#size);
  }

  acknowledged(): void {
    this.#size = Math.min(this.#max, this.#size + 1);
  }

  refused(): void {
    this.#size = Math.max(1, this.#size / 2);
  }
}
