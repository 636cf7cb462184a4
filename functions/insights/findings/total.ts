import { parseUsd } from "../../../shared/agent/usd.ts";
import type { Finding } from "./finding.ts";
import type { Confidence, Scope } from "./rule.ts";

interface Scoped {
  finding: Finding;
  scope: Scope;
}

/** In pico-dollars; null where no amount is known. */
interface Total {
  pico: bigint | null;
  byConfidence: Record<Confidence["level"], bigint | null>;
  /** Ids of the findings that count. */
  counted: Set<string>;
}

/**
 * What findings save together, with no execution counted twice. From the surest down, and of those from the
 * largest, a finding counts when none that
 * counts already can speak of the same executions; one that can is left out whole. So the sum is never more than what is
 * there, and often less.
 */
export function totalOf(findings: readonly Scoped[]): Total {
  const counted: Scoped[] = [];
  const total: Total = {
    pico: null,
    byConfidence: { high: null, medium: null, low: null },
    counted: new Set(),
  };
  for (const one of findings.toSorted(bySureness)) {
    const money = moneyOf(one.finding);
    if (money === null || counted.some(({ scope }) => mayOverlap(scope, one.scope))) continue;
    counted.push(one);
    const { level } = one.finding.confidence;
    total.pico = (total.pico ?? 0n) + money;
    total.byConfidence[level] = (total.byConfidence[level] ?? 0n) + money;
    total.counted.add(one.finding.id);
  }
  return total;
}

const LEVELS: readonly Confidence["level"][] = ["high", "medium", "low"];

/** What is sure must not give way to something larger that is not. */
function bySureness({ finding: a }: Scoped, { finding: b }: Scoped): number {
  return LEVELS.indexOf(a.confidence.level) - LEVELS.indexOf(b.confidence.level) || byMoney(a, b);
}

const DIMENSIONS = [
  "commands",
  "tasks",
  "repositories",
  "models",
  "requestModels",
  "outcomes",
  "patterns",
] as const;

/** False only when a dimension that both name has no value in common. */
export function mayOverlap(a: Scope, b: Scope): boolean {
  return DIMENSIONS.every((dimension) => {
    const one: readonly (string | null)[] | undefined = a[dimension];
    const other: readonly (string | null)[] | undefined = b[dimension];
    return one === undefined || other === undefined || one.some((value) => other.includes(value));
  });
}

type Amount = Pick<Finding, "id" | "usd_per_month">;

/** The most money first, what has none known last; then by id, so that pages never differ. */
export function byMoney(a: Amount, b: Amount): number {
  const [one, other] = [moneyOf(a), moneyOf(b)];
  if (one !== other) {
    if (one === null) return 1;
    if (other === null) return -1;
    return one > other ? -1 : 1;
  }
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

export function moneyOf({ usd_per_month: usd }: Pick<Finding, "usd_per_month">): bigint | null {
  return usd === null ? null : parseUsd(usd);
}
