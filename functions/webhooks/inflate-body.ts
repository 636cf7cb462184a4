import { promisify } from "node:util";
import { gunzip } from "node:zlib";

const inflate = promisify(gunzip);

/** Bodies inflated at once, and those that wait: what nobody has proved to be theirs yet must not take all memory. */
const AT_ONCE_MAX = 2;
const WAITING_MAX = 64;

type Inflated<T> = { kind: "inflated"; result: T } | { kind: "refused" } | { kind: "crowded_out" };

export interface Inflater {
  /** Inflates a gzip body of at most `bytesMax` and hands it to `use`; refuses what is none or larger. */
  inflate: <T>(body: Buffer, bytesMax: number, use: (inflated: Buffer) => T) => Promise<Inflated<T>>;
}

export function createInflater(): Inflater {
  let busy = 0;
  const waiting: (() => void)[] = [];

  return {
    async inflate(body, bytesMax, use) {
      if (busy < AT_ONCE_MAX) busy += 1;
      else if (waiting.length >= WAITING_MAX) return { kind: "crowded_out" };
      // Whoever ends hands its place on.
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        const inflated = await inflateAtMost(body, bytesMax);
        return inflated === null ? { kind: "refused" } : { kind: "inflated", result: use(inflated) };
      } finally {
        const next = waiting.shift();
        if (next === undefined) busy -= 1;
        else next();
      }
    },
  };
}

async function inflateAtMost(body: Buffer, bytesMax: number): Promise<Buffer | null> {
  try {
    return await inflate(body, { maxOutputLength: bytesMax });
  } catch {
    return null;
  }
}
