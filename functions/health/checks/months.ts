import { getMonthFacts, type MonthFacts } from "../../../shared/postgres/health-schema.ts";
import { type CheckResult, judge, state } from "../check.ts";
import type { CheckGroup } from "../group.ts";

/** Whether the partitions of the months to come are there before anything is written to them. */
export const months: CheckGroup<MonthFacts> = {
  names: ["partitions_ahead", "months_made_on_demand"],
  fetch: ({ pool }) => getMonthFacts(pool),
  evaluate: (facts) => (facts.retention_has_run ? [judgeAhead(facts), judgeMade(facts)] : notYet()),
};

function notYet(): CheckResult[] {
  return ["partitions_ahead", "months_made_on_demand"].map((name) =>
    state(name, "unknown", "Retention, which makes the months ahead, has not run yet.", {
      nextStep:
        "Have the scheduler call POST /run of the retention function each night; until then months are made when they are needed.",
    }),
  );
}

function judgeAhead({ table, months: count }: MonthFacts): CheckResult {
  return judge({
    name: "partitions_ahead",
    value: count,
    unit: "months",
    warning: 1,
    critical: 0,
    worse: "below",
    message: `${table ?? "No table"} has partitions for ${count ?? 0} months from this one on; no table has fewer.`,
    nextStep: "Call POST /run of the retention function and look at what it answers.",
  });
}

function judgeMade({ made_on_demand: made }: MonthFacts): CheckResult {
  return judge({
    name: "months_made_on_demand",
    value: made,
    unit: "months",
    warning: 1,
    message: `${made} partitions of this or later months were made within a week by whoever wrote the first row.`,
    nextStep: "Retention does not make months ahead: see the check job_retention.",
  });
}
