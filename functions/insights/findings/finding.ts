import { createHash } from "node:crypto";
import { daysObserved, exactUsd, perMonth, SCALED_FROM_DAYS } from "./amounts.ts";
import type { Facts } from "./facts.ts";
import type { Confidence, Found, Measure, Rule, RuleName, Scope, Subject } from "./rule.ts";

/** One piece of advice as the answer shows it, without what people have decided about it. */
export interface Finding {
  /** The same for the same rule and subject, whatever the figures. */
  id: string;
  rule: RuleName;
  title: string;
  advice: string;
  confidence: Confidence;
  /** Decimal dollars; null when it is not known or nothing is to be saved, which `computed` says. */
  usd_per_month: string | null;
  computed: {
    how: string;
    /** What would have been saved in the days observed. */
    usd_observed: string | null;
    days_observed: number;
    /** False when fewer than seven days were observed: then usd_per_month is what those days alone come to. */
    scaled_to_month: boolean;
  };
  affected: { commands: string[]; patterns: string[]; repositories: string[]; models: string[] };
  evidence: Readonly<Record<string, unknown>>;
}

/** A finding with what the answer does not show. */
export interface WorkedOut {
  finding: Finding;
  subject: Subject;
  scope: Scope;
  baseline: Baseline | null;
}

/** A measure as it can be written down: an exact decimal. */
export interface Baseline {
  costUsd: string;
  units: number;
  unit: Measure["unit"];
  days?: number;
}

export function baselineOf(measure: Measure | null): Baseline | null {
  if (measure === null || measure.units === 0) return null;
  const { costPico, units, unit, days } = measure;
  return { costUsd: exactUsd(costPico), units, unit, ...(days === undefined ? {} : { days }) };
}

export function workOut(rule: Rule, found: Found, facts: Facts): WorkedOut {
  const days = Math.min(
    found.days ?? Infinity,
    daysObserved(facts.cells.firstAt, facts.range.from, facts.range.to),
  );
  const usdPerMonthPico = found.savingPico === null ? null : perMonth(found.savingPico, days);
  return {
    finding: {
      id: findingId(rule.name, found.subject),
      rule: rule.name,
      title: found.title,
      advice: found.advice,
      confidence: found.confidence,
      usd_per_month: usdPerMonthPico === null ? null : exactUsd(usdPerMonthPico),
      computed: {
        how: `${found.how}.${scalingOf(found, days)}`,
        usd_observed: found.savingPico === null ? null : exactUsd(found.savingPico),
        days_observed: days,
        scaled_to_month: days >= SCALED_FROM_DAYS,
      },
      affected: {
        commands: [...(found.scope.commands ?? [])],
        patterns: [...(found.scope.patterns ?? [])],
        repositories: known(found.scope.repositories),
        models: known(found.scope.requestModels ?? found.scope.models),
      },
      evidence: found.evidence,
    },
    subject: found.subject,
    scope: found.scope,
    baseline: baselineOf(rule.measure(facts, found.subject)),
  };
}

function scalingOf({ savingPico }: Found, days: number): string {
  if (savingPico === null) return "";
  return days < SCALED_FROM_DAYS
    ? ` Only ${days === 1 ? "one day was" : `${days} days were`} observed: this is not scaled up to a month.`
    : ` For a month: × 30 ÷ ${days} days observed.`;
}

function known(names: readonly (string | null)[] | undefined): string[] {
  return (names ?? []).filter((name) => name !== null);
}

/** Rule and digest of the subject: 64 bits are plenty for the findings of one organization. */
function findingId(rule: RuleName, subject: Subject): string {
  const text = JSON.stringify(Object.entries(subject).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return `${rule}-${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
}
