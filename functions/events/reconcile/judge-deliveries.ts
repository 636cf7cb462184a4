import type { OpenDelivery } from "./reconcile-state.ts";

export type Verdict =
  /** GitHub was told OK, and still it is not here. */
  | "missing"
  /** No attempt was answered with OK. */
  | "failed"
  /** It is on its way, or was asked for a while ago: look again next time. */
  | "waiting"
  /** It failed too often, or GitHub has it no more. */
  | "given up";

/** GitHub keeps deliveries, and repeats them, for three days. */
export const KEPT_MS = 72 * 3_600_000;

const MINUTE_MS = 60_000;
/** A delivery younger than this may still be on its way. */
const AGE_MS_MIN = 2 * MINUTE_MS;
/** How long after the last of one, two, three repetitions the next is asked for: an outage of hours is got over. */
const GAPS_MS = [10 * MINUTE_MS, 60 * MINUTE_MS, 360 * MINUTE_MS] as const;
const ATTEMPTS_MAX = 5;

/**
 * What is to be done about an event that is not here. While older attempts may still be unread (`hasUnread`), one that
 * is only seen repeated waits for its beginning: how often it was tried is not known before.
 */
export function judgeDelivery(open: OpenDelivery, hasUnread: boolean, now: number): Verdict {
  const { attempts, asked } = open;
  const [newest] = attempts;
  if (open.is_given_up || newest.at < now - KEPT_MS) return "given up";
  // GitHub shows a repetition only once it was attempted, so what was asked for counts as well.
  const since = now - Math.max(newest.at, open.asked_at ?? 0);
  const repetitions = Math.max(attempts.filter((one) => one.is_again).length, asked);
  if (Math.max(attempts.length, asked + 1) >= ATTEMPTS_MAX) {
    return since < GAPS_MS[0] ? "waiting" : "given up";
  }
  if (hasUnread && attempts.every((one) => one.is_again)) return "waiting";
  const gap = repetitions === 0 ? AGE_MS_MIN : (GAPS_MS[repetitions - 1] ?? GAPS_MS[2]);
  if (since < gap) return "waiting";
  return attempts.some((one) => one.is_ok) ? "missing" : "failed";
}
