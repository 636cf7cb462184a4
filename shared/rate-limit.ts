/** A token bucket for each key, in this process only: with n instances the limit is up to n times as high. */
export interface RateLimiter {
  /** Takes one token. Returns 0, or the seconds after which one will be there. */
  take: (key: string) => number;
}

const KEYS_MAX = 10_000;

export function createRateLimiter(options: {
  perSecond: number;
  burst: number;
  now: () => number;
}): RateLimiter {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return {
    take(key) {
      const now = options.now();
      const bucket = buckets.get(key) ?? { tokens: options.burst, at: now };
      // Re-inserting keeps the map in order of use, so that the first key is the one to forget.
      buckets.delete(key);
      buckets.set(key, bucket);
      if (buckets.size > KEYS_MAX) forgetOldest(buckets);
      bucket.tokens = Math.min(
        options.burst,
        bucket.tokens + ((now - bucket.at) / 1_000) * options.perSecond,
      );
      bucket.at = now;
      if (bucket.tokens < 1) return (1 - bucket.tokens) / options.perSecond;
      bucket.tokens -= 1;
      return 0;
    },
  };
}

function forgetOldest(buckets: Map<string, unknown>): void {
  const oldest = buckets.keys().next();
  if (oldest.done !== true) buckets.delete(oldest.value);
}
