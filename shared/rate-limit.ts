import { setBounded } from "./bounded-map.ts";

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
      setBounded(buckets, key, bucket, KEYS_MAX);
      const passedMs = Math.max(0, now - bucket.at);
      bucket.tokens = Math.min(options.burst, bucket.tokens + (passedMs / 1_000) * options.perSecond);
      bucket.at = now;
      if (bucket.tokens < 1) return (1 - bucket.tokens) / options.perSecond;
      bucket.tokens -= 1;
      return 0;
    },
  };
}
