const PLAIN = /^[ !#-[\]-~]*$/;
/** Quotes, colon and comma around a text in an array or an object. */
const SURROUNDINGS = 4;

/** Counts down the bytes that texts take as JSON, so that what is derived from a command stays small whatever it says. */
export class JsonBudget {
  #left: number;

  constructor(bytesMax: number) {
    this.#left = bytesMax;
  }

  /** Whether the text still fits, with `extra` bytes for what belongs to it; if so it is counted. */
  take(text: string, extra = 0): boolean {
    const bytes = PLAIN.test(text) ? text.length : Buffer.byteLength(JSON.stringify(text));
    const cost = bytes + SURROUNDINGS + extra;
    if (cost > this.#left) return false;
    this.#left -= cost;
    return true;
  }
}
