import { GithubFailure, type HookDelivery } from "./github-deliveries.ts";
import { KEPT_MS } from "./judge-deliveries.ts";
import { addAttempts, type Gap, GAPS_MAX } from "./reconcile-state.ts";
import { findKnown, type Visit } from "./visit.ts";

/** The list is not strictly in order, and clocks differ: this much before the last visit is read again. */
export const OVERLAP_MS = 10 * 60_000;
/** Events that are waited for at once; reading goes on when there are fewer. */
export const OPEN_MAX = 2_000;

interface Bounds {
  pages: number;
  /** In milliseconds since 1970. */
  until: number;
}

/**
 * Reads what is new since the last visit, newest first. What there was no time for becomes a gap; as long as there are
 * gaps, half of the turn is left for them. `first` is where the first visit of all ends.
 */
export async function readNewest(visit: Visit, first: number): Promise<void> {
  const { state, startedAt } = visit;
  const floor = state.read_to === null ? first : state.read_to - OVERLAP_MS;
  const gap: Gap = { cursor: null, floor: Math.max(floor, startedAt - KEPT_MS) };
  const share = state.gaps.length === 0 ? 1 : 0.5;
  const bounds = {
    pages: Math.ceil(visit.pagesLeft * share),
    until: startedAt + (visit.turnEnd - startedAt) * share,
  };
  let isDone = false;
  try {
    isDone = await read(visit, gap, bounds);
  } finally {
    if (isDone || gap.cursor !== null) state.read_to = startedAt;
    if (!isDone && gap.cursor !== null) state.gaps.unshift(gap);
    mergeGaps(state.gaps);
  }
}

/** Reads what earlier visits had no time for, newest first, and calls `onPage` after each page. */
export async function readGaps(visit: Visit, onPage: () => Promise<void>): Promise<void> {
  const { gaps } = visit.state;
  for (let [gap] = gaps; gap !== undefined; [gap] = gaps) {
    gap.floor = Math.max(gap.floor, visit.startedAt - KEPT_MS);
    try {
      if (!(await read(visit, gap, { pages: visit.pagesLeft, until: visit.turnEnd }, onPage))) return;
    } catch (error) {
      // A cursor that GitHub knows no more: this gap is read from the newest on.
      if (error instanceof GithubFailure && (error.status === 400 || isRefusal(error.status))) {
        gap.cursor = null;
      }
      throw error;
    }
    gaps.shift();
  }
}

/** Whether GitHub refused just what was asked for: a delivery it does not have, a cursor it does not know. */
export function isRefusal(status: number | null): boolean {
  return status === 404 || status === 410 || status === 422;
}

/**
 * True when the floor was reached. One page is read however little time the turn has left: a page may take longer than that
 * each time. The gap's cursor moves with what was read, also when the next page cannot be had.
 */
async function read(visit: Visit, gap: Gap, bounds: Bounds, onPage?: () => Promise<void>): Promise<boolean> {
  for (let pages = 0; pages < bounds.pages; pages += 1) {
    if (visit.now() >= (pages === 0 ? visit.runEnd : bounds.until)) return false;
    const { deliveries, next } = await visit.client.list(gap.cursor);
    visit.pagesLeft -= 1;
    if (!(await absorb(visit, deliveries, gap.floor))) return false;
    const oldest = deliveries.at(-1);
    if (next === null || oldest === undefined || oldest.deliveredAt < gap.floor) return true;
    gap.cursor = next;
    await onPage?.();
  }
  return false;
}

/** Notes what is not here. False when there is no room for it; then the page is to be read again. */
async function absorb(visit: Visit, deliveries: readonly HookDelivery[], floor: number): Promise<boolean> {
  const { open, listed } = visit;
  const groups = Map.groupBy(
    deliveries.filter(({ deliveredAt }) => deliveredAt >= floor),
    ({ guid }) => guid,
  );
  for (const guid of groups.keys()) listed.add(guid);
  const known = await findKnown(visit, [...groups.keys()]);
  // A ping says nothing worth having again.
  const absent = [...groups].filter(([guid, [one]]) => !known.has(guid) && one?.event !== "ping");
  const added = absent.filter(([guid]) => !open.has(guid)).length;
  makeRoom(visit, added);
  const hasRoom = open.size + added <= OPEN_MAX;
  for (const [guid, attempts] of absent) {
    const entry = addAttempts(open.get(guid), attempts);
    if (entry !== null && (hasRoom || open.has(guid))) open.set(guid, entry);
  }
  return hasRoom;
}

/** What was given up is kept only so that it is not asked for anew; what is still hoped for goes before. */
function makeRoom({ open }: Visit, added: number): void {
  for (const [guid, { is_given_up: isGivenUp }] of open) {
    if (open.size + added <= OPEN_MAX) return;
    if (isGivenUp) open.delete(guid);
  }
}

/** The two oldest become one, of which a part is then read twice: better than to forget either. */
function mergeGaps(gaps: Gap[]): void {
  while (gaps.length > GAPS_MAX) {
    const oldest = gaps.pop();
    const before = gaps.at(-1);
    if (oldest !== undefined && before !== undefined) before.floor = Math.min(before.floor, oldest.floor);
  }
}
