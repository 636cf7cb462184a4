import { describeError } from "../../../shared/log.ts";
import { GithubFailure, PAGE_SIZE } from "./github-deliveries.ts";
import { judgeDelivery } from "./judge-deliveries.ts";
import { isRefusal, OPEN_MAX } from "./read-deliveries.ts";
import { firstTriedAt, type OpenDelivery } from "./reconcile-state.ts";
import { findKnown, type Visit } from "./visit.ts";

/**
 * Asks GitHub to deliver again what is not here and whose turn it is, oldest first, until `until` (milliseconds since
 * 1970). What has come, or was given up, is settled. A failure ends the asking for this visit; RateLimited is thrown.
 */
export async function askAgain(visit: Visit, until: number): Promise<void> {
  const { open, outcome, now } = visit;
  const unsettled = [...open.values()].filter((one) => !one.is_given_up);
  const known = await findKnown(
    visit,
    unsettled.map(({ guid }) => guid),
  );
  for (const guid of known) open.delete(guid);
  // When there is no room to read on, nobody can wait for that.
  const hasUnread = visit.state.gaps.length > 0 && open.size <= OPEN_MAX - PAGE_SIZE;
  const before = visit.asksLeft;
  let givenUp = 0;
  for (const one of unsettled.sort((left, right) => firstTriedAt(left) - firstTriedAt(right))) {
    if (known.has(one.guid)) continue;
    const verdict = judgeDelivery(one, hasUnread, now());
    if (verdict === "waiting") continue;
    if (verdict === "given up") {
      one.is_given_up = true;
      givenUp += 1;
      continue;
    }
    // One is asked for however little time is left, as one page is read.
    if (visit.asksLeft <= 0 || now() >= (visit.asksLeft === before ? visit.runEnd : until)) continue;
    outcome[verdict] += 1;
    await ask(visit, one);
  }
  outcome.abandoned += givenUp;
  if (givenUp > 0) {
    visit.log("WARNING", "deliveries that failed five times or are too old are left", {
      source_id: visit.sourceId,
      events: givenUp,
    });
  }
  if (visit.asksLeft < before) await visit.save();
}

async function ask(visit: Visit, one: OpenDelivery): Promise<void> {
  const { outcome } = visit;
  visit.asksLeft -= 1;
  try {
    await visit.client.redeliver(one.attempts[0].id);
    outcome.redelivered += 1;
  } catch (error) {
    if (!(error instanceof GithubFailure)) throw error;
    outcome.errors += 1;
    if (isRefusal(error.status)) {
      one.is_given_up = true;
      outcome.abandoned += 1;
      visit.log("WARNING", "GitHub does not deliver an event again; it is left", {
        source_id: visit.sourceId,
        status: error.status,
        ...describeError(error),
      });
      return;
    }
    visit.asksLeft = 0;
    outcome.stopped = error;
    // Nothing is wrong with this event when the token is; otherwise it may have been taken, and must not block the rest.
    if (error.status === 401 || error.status === 403) return;
  }
  one.asked += 1;
  one.asked_at = visit.now();
}
