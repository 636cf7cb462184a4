import { z } from "zod";
import type { HookDelivery } from "./github-deliveries.ts";

/**
 * What is kept of a source between two visits, so that the next goes on where the last one stopped. All times are in
 * milliseconds since 1970.
 */
export type ReconcileState = z.infer<typeof shape>;

/** A stretch of the list that is still to be read: from its cursor (null: the newest) back to its floor. */
export type Gap = ReconcileState["gaps"][number];

/** An event that is not here, with what GitHub has tried; at least one attempt, newest first. */
export type OpenDelivery = ReconcileState["open"][number];

const ATTEMPTS_KEPT = 6;
export const GAPS_MAX = 10;

const time = z.number();
const attempt = z.object({ id: z.string(), at: time, is_again: z.boolean(), is_ok: z.boolean() });

const shape = z.object({
  /** When this source last had its turn, however that went; sources come in this order. */
  visited_at: time.nullable().default(null),
  /** GitHub said to come no sooner. */
  paused_until: time.nullable().default(null),
  /** The rest is about this hook and of no use for another. */
  hook_id: z.number().nullable().default(null),
  /** Everything newer is unread, everything older was read or is in a gap. */
  read_to: time.nullable().default(null),
  /** Newest first. */
  gaps: z
    .array(z.object({ cursor: z.string().nullable(), floor: time }))
    .max(GAPS_MAX)
    .default([]),
  open: z
    .array(
      z.object({
        guid: z.string(),
        attempts: z.tuple([attempt], attempt),
        /** How often, and when last, GitHub was asked to deliver it again. */
        asked: z.number(),
        asked_at: time.nullable(),
        /** Kept for as long as it may be read again, so that it is not taken for a new one. */
        is_given_up: z.boolean(),
      }),
    )
    .default([]),
});

/** The state as it was stored; an empty one when it is about another hook or not readable. */
export function readState(stored: unknown, hookId: number | null): ReconcileState {
  const read = shape.safeParse(stored);
  const state = read.success ? read.data : shape.parse({});
  if (state.hook_id === hookId) return state;
  return { ...shape.parse({}), hook_id: hookId, paused_until: state.paused_until };
}

/** The event with these attempts too; each counts once, however often it is read. */
export function addAttempts(
  known: OpenDelivery | undefined,
  more: readonly HookDelivery[],
): OpenDelivery | null {
  const attempts = new Map(known?.attempts.map((one) => [one.id, one]));
  for (const { id, deliveredAt, isRedelivery, isOk } of more) {
    attempts.set(id, { id, at: deliveredAt, is_again: isRedelivery, is_ok: isOk });
  }
  const guid = known?.guid ?? more[0]?.guid;
  const [newest, ...rest] = [...attempts.values()].sort((one, other) => other.at - one.at);
  if (guid === undefined || newest === undefined) return null;
  return {
    guid,
    attempts: [newest, ...rest.slice(0, ATTEMPTS_KEPT - 1)],
    asked: known?.asked ?? 0,
    asked_at: known?.asked_at ?? null,
    is_given_up: known?.is_given_up ?? false,
  };
}

export function firstTriedAt({ attempts }: OpenDelivery): number {
  return Math.min(...attempts.map(({ at }) => at));
}
