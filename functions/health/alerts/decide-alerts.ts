import type { AlertChanges, AlertRule, AlertState, NewAlert } from "../../../shared/postgres/alerts.ts";
import type { CheckResult } from "../check.ts";

/**
 * What the rules make of the checks: an alert is opened once its condition has held for the rule's time, and closed once
 * the condition no longer holds. A check that cannot be made says nothing of its value: what is open stays open, and what
 * has begun to hold keeps its time.
 */
export function decideAlerts(
  checks: readonly CheckResult[],
  { rules, open, held }: AlertState,
): AlertChanges {
  const openByKey = new Map(open.map(({ id, rule, subject }) => [keyOf(rule, subject), id]));
  const heldByKey = new Map(held.map((one) => [keyOf(one.rule_id, one.subject), one.held_seconds]));
  const opened: NewAlert[] = [];
  const holding: { rule_id: number; subject: string }[] = [];
  const kept = new Set<string>();

  for (const rule of rules) {
    for (const check of checks) {
      if (rule.metric !== "*" && rule.metric !== check.name) continue;
      const id = openByKey.get(keyOf(rule.name, check.name));
      const seconds = heldByKey.get(keyOf(rule.id, check.name));
      const holds = conditionHolds(rule, check) ?? (id !== undefined || seconds !== undefined);
      if (!holds) continue;
      holding.push({ rule_id: rule.id, subject: check.name });
      if (id !== undefined) kept.add(id);
      else if ((seconds ?? 0) >= rule.for_seconds && conditionHolds(rule, check) === true) {
        opened.push(alertOf(rule, check));
      }
    }
  }
  return { opened, closed: open.map(({ id }) => id).filter((id) => !kept.has(id)), holding };
}

/** Null when the check could not tell. */
function conditionHolds(rule: AlertRule, { status, value }: CheckResult): boolean | null {
  if (rule.comparison === "status") {
    if (rule.status === status) return true;
    return status === "unknown" ? null : false;
  }
  if (value === null) return status === "unknown" ? null : false;
  switch (rule.comparison) {
    case ">":
      return value > rule.threshold;
    case ">=":
      return value >= rule.threshold;
    case "<":
      return value < rule.threshold;
    case "<=":
      return value <= rule.threshold;
    default:
      return rule satisfies never;
  }
}

function alertOf(rule: AlertRule, check: CheckResult): NewAlert {
  return {
    rule_id: rule.id,
    rule: rule.name,
    subject: check.name,
    severity: rule.severity,
    status: check.status,
    value: check.value,
    threshold: rule.threshold,
    unit: check.unit,
    message: check.message,
    next_step: check.next_step,
  };
}

function keyOf(rule: string | number, subject: string): string {
  return `${rule} ${subject}`;
}
