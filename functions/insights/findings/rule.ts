import type { Facts } from "./facts.ts";

/** The rules, in the order of the README. */
export const RULE_NAMES = [
  "cache_never_reused",
  "cache_idle_gaps",
  "price_cliff",
  "cheaper_model",
  "repeated_failures",
  "runaway_sessions",
  "cost_change",
  "no_result",
  "price_drift",
  "unpriced_models",
] as const;
export type RuleName = (typeof RULE_NAMES)[number];

/** What a finding is about, in the words of the ledger; null where that was not told. Together with the rule its identity. */
export type Subject = Readonly<Record<string, string | null>>;

export interface Confidence {
  level: "high" | "medium" | "low";
  because: string;
}

/**
 * Which executions a finding speaks of. A dimension that is absent means all of them. Two findings that differ in a
 * dimension they both name share no execution.
 */
export interface Scope {
  commands?: readonly string[];
  /** Command and kind of task, as `taskKey` writes them. */
  tasks?: readonly string[];
  repositories?: readonly (string | null)[];
  models?: readonly (string | null)[];
  /** Of single requests, where only those are meant: an execution may have requests to several models. */
  requestModels?: readonly string[];
  /** Ended well, or failed or timed out. */
  outcomes?: readonly ("completed" | "lost")[];
  patterns?: readonly string[];
}

/** What is measured again after something was done: money over a number of units. */
export interface Measure {
  costPico: bigint;
  units: number;
  unit: "execution" | "session" | "request";
  /** Over how many days, when not over the whole range. */
  days?: number;
}

/** What a rule says about one subject. Money is in pico-dollars, over the days it was observed in. */
export interface Found {
  subject: Subject;
  title: string;
  advice: string;
  /** What would have been saved in the days observed; null when that is not known or there is nothing to save. */
  savingPico: bigint | null;
  /** How that was worked out, in words with figures. */
  how: string;
  /** Over how many days, when not over all that were observed. */
  days?: number;
  confidence: Confidence;
  scope: Scope;
  evidence: Readonly<Record<string, unknown>>;
}

/** One piece of advice: a pure function from facts to findings, and what to measure after it was followed. */
export interface Rule {
  name: RuleName;
  /** When it says nothing, for people who wonder. */
  silentWhen: string;
  find: (facts: Facts) => Found[];
  /** Null when the facts do not tell. `subject` is one of a finding of this rule. */
  measure: (facts: Facts, subject: Subject) => Measure | null;
}
