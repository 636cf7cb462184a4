import type { StoredDecision } from "../../../shared/postgres/insight-findings.ts";
import type { InsightsContext } from "../context.ts";
import { SCALED_FROM_DAYS } from "./amounts.ts";
import { endOf } from "./parameters.ts";
import { MEASURED_DAYS_MAX, type Outcome, outcomeOf } from "./outcome.ts";
import { RULE_NAMES, type RuleName } from "./rule.ts";

/** Each moment of "done" is a stretch of the ledger of its own to be read. */
const MOMENTS_MAX = 10;
const DAY_MS = 86_400_000;

/** What became of the findings that were marked done, by their ids. */
export async function listOutcomes(
  { analyses, now }: Pick<InsightsContext, "analyses" | "now">,
  organizationId: string,
  done: readonly StoredDecision[],
): Promise<Map<string, Outcome>> {
  const outcomes = new Map<string, Outcome>();
  const moments = Map.groupBy(done, ({ doneAt }) => doneAt?.getTime() ?? 0);
  let read = 0;
  for (const [at, decisions] of moments) {
    const doneAt = new Date(at);
    const asked = new Date(Math.min(endOf(undefined, now()).getTime(), at + MEASURED_DAYS_MAX * DAY_MS));
    // Before that nothing is told of it, and reading the ledger is the costly part.
    const isDue = asked.getTime() - at >= SCALED_FROM_DAYS * DAY_MS;
    const subjects = decisions.flatMap(({ rule, subject, baseline }) =>
      isDue && isRule(rule) && baseline !== null ? [{ rule, subject }] : [],
    );
    const isRead = subjects.length > 0 && read < MOMENTS_MAX;
    if (isRead) read += 1;
    const measured = isRead
      ? await analyses.measure(organizationId, { from: doneAt, to: asked }, subjects)
      : null;
    const to = measured === null ? asked : new Date(measured.to);
    let position = 0;
    for (const { findingId, rule, baseline, promisedUsdPerMonth } of decisions) {
      const isMeasured = isDue && isRule(rule) && baseline !== null;
      const after = isMeasured && isRead ? (measured?.baselines[position++] ?? null) : null;
      const outcome = outcomeOf({ doneAt, promisedUsdPerMonth, baseline }, { after, to });
      const isSkipped = isMeasured && !isRead;
      outcomes.set(
        findingId,
        isSkipped
          ? {
              ...outcome,
              actual_usd_per_month: null,
              why: `one answer measures at most ${MOMENTS_MAX} dates; narrow it by rule or repository, or ask for smaller pages`,
            }
          : outcome,
      );
    }
  }
  return outcomes;
}

function isRule(name: string): name is RuleName {
  return RULE_NAMES.some((one) => one === name);
}
