/**
 * A distribution as counts by logarithmic buckets (DDSketch: Masson, Rim, Lee, VLDB 2019). Sketches of parts add up to the
 * sketch of the whole exactly, and a part can be taken out again. A quantile read from one is within 1 % of the value
 * that PostgreSQL's percentile_cont gives over the same values. Values are not negative; zero is counted by itself.
 */
export interface Sketch {
  zeros: number;
  /** The buckets that hold something, rising; bucket i holds values in (γ^(i-1), γ^i]. */
  buckets: number[];
  /** How many each of them holds. */
  counts: number[];
}

/** Growth of a bucket over the one before; its middle is at most (γ-1)/(γ+1), below 1 %, from any value in it. */
export const GAMMA = 1.02;
/** Buckets are kept within this distance of 1: from 4e-35 to 2.5e34. */
export const BUCKET_MAX = 4_000;

export function emptySketch(): Sketch {
  return { zeros: 0, buckets: [], counts: [] };
}

/** The bucket of a value above zero. */
function bucketOf(value: number): number {
  const bucket = Math.ceil(Math.log(value) / Math.log(GAMMA));
  return Math.max(-BUCKET_MAX, Math.min(BUCKET_MAX, bucket));
}

/** A sketch of values. */
export function sketchOf(values: readonly number[]): Sketch {
  const positive = values.filter((value) => value > 0);
  return sketchOfBuckets(Int32Array.from(positive, bucketOf), values.length - positive.length);
}

/** A sketch of values whose buckets are known; sorts them in place. */
export function sketchOfBuckets(each: Int32Array, zeros: number): Sketch {
  const sketch: Sketch = { zeros, buckets: [], counts: [] };
  const { buckets, counts } = sketch;
  for (const bucket of each.sort()) {
    const last = buckets.length - 1;
    if (buckets[last] === bucket) counts[last] = (counts[last] ?? 0) + 1;
    else {
      buckets.push(bucket);
      counts.push(1);
    }
  }
  return sketch;
}

/** Adds `part` to `sketch`, or takes it out with sign -1. */
export function addSketch(sketch: Sketch, part: Sketch, sign: 1 | -1): void {
  sketch.zeros += sign * part.zeros;
  if (part.buckets.length === 0) return;
  const { buckets, counts } = sketch;
  sketch.buckets = [];
  sketch.counts = [];
  let mine = 0;
  let theirs = 0;
  while (mine < buckets.length || theirs < part.buckets.length) {
    const own = buckets[mine] ?? Infinity;
    const other = part.buckets[theirs] ?? Infinity;
    let count = 0;
    if (own <= other) count += counts[mine++] ?? 0;
    if (other <= own) count += sign * (part.counts[theirs++] ?? 0);
    if (count === 0) continue;
    sketch.buckets.push(Math.min(own, other));
    sketch.counts.push(count);
  }
}

export function countOf(sketch: Sketch): number {
  let count = sketch.zeros;
  for (const one of sketch.counts) count += one;
  return count;
}

/** The quantiles at `shares`, rising and each from 0 to 1; null for each when nothing was counted. */
export function quantiles(sketch: Sketch, shares: readonly number[]): (number | null)[] {
  const count = countOf(sketch);
  if (count === 0) return shares.map(() => null);
  const { buckets, counts } = sketch;
  const valueAt = (rank: number): number => {
    let seen = sketch.zeros;
    if (rank < seen) return 0;
    let at = -1;
    while (rank >= seen && at < buckets.length - 1) seen += counts[++at] ?? 0;
    return middleOf(buckets[at] ?? 0);
  };
  return shares.map((share) => {
    const rank = share * (count - 1);
    const low = valueAt(Math.floor(rank));
    const high = Number.isInteger(rank) ? low : valueAt(Math.ceil(rank));
    return low + (high - low) * (rank - Math.floor(rank));
  });
}

/** The value whose relative distance to both ends of the bucket is the same. */
function middleOf(bucket: number): number {
  return (2 * GAMMA ** bucket) / (GAMMA + 1);
}

/** Varints: zeros, then for each bucket in rising order its distance to the one before (zigzag) and its count. */
export function encodeSketch(sketch: Sketch): Buffer {
  const bytes: number[] = [];
  const write = (value: number): void => {
    let rest = value;
    while (rest >= 128) {
      bytes.push((rest % 128) + 128);
      rest = Math.floor(rest / 128);
    }
    bytes.push(rest);
  };
  write(sketch.zeros);
  let before = 0;
  for (const [index, bucket] of sketch.buckets.entries()) {
    const step = bucket - before;
    write(step >= 0 ? 2 * step : -2 * step - 1);
    write(sketch.counts[index] ?? 0);
    before = bucket;
  }
  return Buffer.from(bytes);
}

/** Throws a RangeError when the bytes are not whole. */
export function decodeSketch(bytes: Uint8Array): Sketch {
  let at = 0;
  const read = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) throw new RangeError("a sketch ends too early");
      if (byte < 128) return value + byte * scale;
      value += (byte - 128) * scale;
    }
  };
  const sketch: Sketch = { zeros: read(), buckets: [], counts: [] };
  let bucket = 0;
  while (at < bytes.length) {
    const step = read();
    bucket += step % 2 === 0 ? step / 2 : -(step + 1) / 2;
    sketch.buckets.push(bucket);
    sketch.counts.push(read());
  }
  return sketch;
}
