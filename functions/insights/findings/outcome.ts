import { parseUsd } from "../../../shared/agent/usd.ts";
import { divideRounded, exactUsd, SCALED_FROM_DAYS } from "./amounts.ts";
import type { Baseline } from "./finding.ts";

/** What became of a finding that was marked done. */
export interface Outcome {
  done_at: string;
  promised_usd_per_month: string | null;
  /** Null while it cannot be told, which `why` explains; negative when it got dearer. */
  actual_usd_per_month: string | null;
  why: string | null;
  before: OutcomeMeasure | null;
  after: OutcomeMeasure | null;
  /** What was measured: at most the first thirty days since. */
  measured: { from: string; to: string; days: number } | null;
}

interface OutcomeMeasure {
  cost_usd: string;
  units: number;
  unit: string;
}

/** Fewer say too little about what a unit costs now. */
export const UNITS_MIN = 10;
export const MEASURED_DAYS_MAX = 30;
const DAY_MS = 86_400_000;

/**
 * The real saving beside the promised one. With c and n the money and the units (executions, sessions or requests) measured
 * before, and d and m those of the same measure since:
 * actual per month = (c ÷ n − d ÷ m) × m × 30 ÷ days since = (c × m − d × n) × 30 ÷ (n × days).
 * A measure that looks at its latest days only is over those instead of the days since.
 * Null before SCALED_FROM_DAYS days, below UNITS_MIN units, and where the finding has no measure.
 */
export function outcomeOf(
  done: {
    doneAt: Date;
    promisedUsdPerMonth: string | null;
    baseline: { costUsd: string; units: number; unit: string } | null;
  },
  since: { after: Baseline | null; to: Date },
): Outcome {
  const { doneAt, promisedUsdPerMonth, baseline } = done;
  const days = Math.max(1, Math.ceil((since.to.getTime() - doneAt.getTime()) / DAY_MS));
  const told = {
    done_at: doneAt.toISOString(),
    promised_usd_per_month: promisedUsdPerMonth === null ? null : trim(promisedUsdPerMonth),
    before: shown(baseline),
    after: shown(since.after),
    measured: { from: doneAt.toISOString(), to: since.to.toISOString(), days },
  };
  const unknown = (why: string): Outcome => ({ ...told, actual_usd_per_month: null, why });
  if (baseline === null) return unknown("this finding promises no money that could be measured");
  const elapsed = (since.to.getTime() - doneAt.getTime()) / DAY_MS;
  if (elapsed < SCALED_FROM_DAYS) {
    return unknown(
      `it is measured from the ${SCALED_FROM_DAYS}th day on; ${Math.floor(elapsed)} have passed`,
    );
  }
  const { after } = since;
  if (after === null) return unknown("nothing it is about has run since");
  if (after.units < UNITS_MIN) {
    return unknown(`only ${after.units} ${after.unit}s since; at least ${UNITS_MIN} are needed`);
  }
  const [before, now] = [pico(baseline.costUsd), pico(after.costUsd)];
  const [n, m] = [BigInt(baseline.units), BigInt(after.units)];
  const saved = divideRounded(
    (before * m - now * n) * BigInt(MEASURED_DAYS_MAX),
    n * BigInt(Math.min(days, after.days ?? days)),
  );
  return { ...told, actual_usd_per_month: exactUsd(saved), why: null };
}

function shown(measure: { costUsd: string; units: number; unit: string } | null): OutcomeMeasure | null {
  return measure === null
    ? null
    : { cost_usd: trim(measure.costUsd), units: measure.units, unit: measure.unit };
}

function trim(usd: string): string {
  return exactUsd(pico(usd));
}

function pico(usd: string): bigint {
  const amount = parseUsd(usd);
  if (amount === null) throw new TypeError("the ledger holds an amount that is none");
  return amount;
}
