import type { HookDelivery } from "./github-deliveries.ts";

/** All attempts GitHub made for one event. */
export interface DeliveryGroup {
  guid: string;
  event: string;
  /** At least one, newest first. */
  attempts: readonly [HookDelivery, ...HookDelivery[]];
}

export type Verdict =
  /** It arrived, or there is nothing to be had from it. */
  | "fine"
  /** GitHub was told OK, and still it is not here. */
  | "missing"
  /** No attempt was answered with OK. */
  | "failed"
  /** It is on its way, or was asked for a while ago: look again next time. */
  | "waiting"
  /** It failed too often. */
  | "given up";

const MINUTE_MS = 60_000;
/** A delivery younger than this may still be on its way. */
const AGE_MS_MIN = 2 * MINUTE_MS;
/** How long after the last of one, two, three repetitions the next is asked for: an outage of hours is got over. */
const GAPS_MS = [10 * MINUTE_MS, 60 * MINUTE_MS, 360 * MINUTE_MS] as const;
const ATTEMPTS_MAX = 5;

/** Puts the attempts of each event together; events in the order in which they were first tried. */
export function groupDeliveries(deliveries: readonly HookDelivery[]): DeliveryGroup[] {
  const groups = new Map<string, HookDelivery[]>();
  for (const delivery of deliveries) {
    const group = groups.get(delivery.guid);
    if (group === undefined) groups.set(delivery.guid, [delivery]);
    // Pages move while they are read, so an attempt may come twice.
    else if (!group.some(({ id }) => id === delivery.id)) group.push(delivery);
  }
  return [...groups.values()]
    .flatMap((attempts): DeliveryGroup[] => {
      const [newest, ...rest] = attempts.sort((one, other) => other.deliveredAt - one.deliveredAt);
      if (newest === undefined) return [];
      return [{ guid: newest.guid, event: newest.event, attempts: [newest, ...rest] }];
    })
    .sort((one, other) => firstTriedAt(one) - firstTriedAt(other));
}

export function firstTriedAt({ attempts }: DeliveryGroup): number {
  return Math.min(...attempts.map(({ deliveredAt }) => deliveredAt));
}

/** What is to be done about an event; `isKnown` says whether it has come. A ping says nothing worth having again. */
export function judgeDelivery(group: DeliveryGroup, isKnown: boolean, now: number): Verdict {
  const { attempts, event } = group;
  const isOk = attempts.some((attempt) => attempt.isOk);
  if ((isOk && isKnown) || event === "ping") return "fine";
  if (attempts.length >= ATTEMPTS_MAX) return "given up";
  const [newest] = attempts;
  const repetitions = attempts.filter(({ isRedelivery }) => isRedelivery).length;
  const gap = repetitions === 0 ? AGE_MS_MIN : (GAPS_MS[repetitions - 1] ?? GAPS_MS[GAPS_MS.length - 1] ?? 0);
  if (now - newest.deliveredAt < gap) return "waiting";
  return isOk ? "missing" : "failed";
}
