import type { InsightPatternDay } from "../../../../shared/postgres/insight-pattern-days.ts";
import { dollars, exactUsd, percent } from "../amounts.ts";
import type { Facts } from "../facts.ts";
import type { Found, Rule } from "../rule.ts";

/** What counts as now, and how much money is counted: days, the last one included. */
const RECENT_DAYS = 7;
/** The newest active days whose median is compared: one dear day is no change. */
export const COMPARED_DAYS = 3;
export const HISTORY_DAYS_MIN = 7;
/** A mean of fewer executions than this is one person's afternoon. */
export const EXECUTIONS_PER_DAY_MIN = 3;
/** Modified z-score from which a value counts as an outlier. Source: Iglewicz and Hoaglin, 1993. */
const Z_MIN = 3.5;
const MAD_TO_SIGMA = 0.6745;
/** A history that is all alike must not make every cent a change: at least this spread of logarithms, about 7 %. */
const MAD_LOG_MIN = 0.07;
/** A smaller change is not worth a look, however even the history. */
const RATIO_MIN = 1.5;
const PICO_PER_USD = 1e12;
const DAY_MS = 86_400_000;

interface Change {
  signature: string;
  commandBase: string;
  historyDays: number;
  baselinePico: bigint;
  nowPico: bigint;
  z: number;
  ratio: number;
  excessPico: bigint;
  recentExecutions: number;
}

/**
 * A pattern's executions suddenly cost more, or less, than they used to.
 *
 * Inputs, for each pattern: by UTC day, executions with a cost and their sum, from the roll-ups. A day counts with at least
 * EXECUTIONS_PER_DAY_MIN executions; its value is ln(sum ÷ executions). History: the days before the last RECENT_DAYS, at
 * least HISTORY_DAYS_MIN. Now: the median of the newest COMPARED_DAYS days of the last RECENT_DAYS.
 * z = MAD_TO_SIGMA × (now − median of history) ÷ max(median absolute deviation of history, MAD_LOG_MIN).
 * Output when |z| > Z_MIN and the ratio is RATIO_MIN or more either way: saving = cost of the last RECENT_DAYS − their
 * executions × exp(median of history), for a rise; null for a fall, which saves nothing but may mean that work is cut short.
 */
export const costChange: Rule = {
  name: "cost_change",
  silentWhen: `no pattern with ${HISTORY_DAYS_MIN} days of history (days with ${EXECUTIONS_PER_DAY_MIN} executions) changed its cost by half in its newest ${COMPARED_DAYS} days, or patterns have not been counted yet`,
  find: (facts) => changes(facts).map(describe),
  measure(facts, subject) {
    const recent = facts.patternDays.filter(
      (day) => day.signature === subject["pattern"] && isRecent(day, facts),
    );
    const units = recent.reduce((sum, { priced }) => sum + priced, 0);
    const costPico = recent.reduce((sum, day) => sum + day.costPico, 0n);
    return units === 0 ? null : { costPico, units, unit: "execution", days: RECENT_DAYS };
  },
};

function changes(facts: Facts): Change[] {
  const patterns = Map.groupBy(facts.patternDays, ({ signature }) => signature);
  return [...patterns.values()].flatMap((days) => changeOf(days, facts));
}

function changeOf(days: readonly InsightPatternDay[], facts: Facts): Change[] {
  const active = days.filter(({ priced, costPico }) => priced >= EXECUTIONS_PER_DAY_MIN && costPico > 0n);
  const history = active.filter((day) => !isRecent(day, facts)).map(logMean);
  const newest = active
    .filter((day) => isRecent(day, facts))
    .slice(-COMPARED_DAYS)
    .map(logMean);
  const [first] = days;
  if (first === undefined || history.length < HISTORY_DAYS_MIN || newest.length < COMPARED_DAYS) return [];
  const usual = median(history);
  const spread = Math.max(MAD_LOG_MIN, median(history.map((value) => Math.abs(value - usual))));
  const now = median(newest);
  const z = (MAD_TO_SIGMA * (now - usual)) / spread;
  const ratio = Math.exp(now - usual);
  if (Math.abs(z) <= Z_MIN || Math.max(ratio, 1 / ratio) < RATIO_MIN) return [];
  const recent = days.filter((day) => isRecent(day, facts));
  const executions = recent.reduce((sum, { priced }) => sum + priced, 0);
  const baselinePico = toPico(usual);
  return [
    {
      signature: first.signature,
      commandBase: first.commandBase,
      historyDays: history.length,
      baselinePico,
      nowPico: toPico(now),
      z,
      ratio,
      excessPico: recent.reduce((sum, day) => sum + day.costPico, 0n) - BigInt(executions) * baselinePico,
      recentExecutions: executions,
    },
  ];
}

function isRecent({ day }: InsightPatternDay, { range }: Facts): boolean {
  const last = Math.floor((range.to.getTime() - 1) / DAY_MS);
  return Date.parse(day) / DAY_MS > last - RECENT_DAYS;
}

function logMean({ costPico, priced }: InsightPatternDay): number {
  return Math.log(Number(costPico) / PICO_PER_USD / priced);
}

function toPico(logUsd: number): bigint {
  return BigInt(Math.round(Math.exp(logUsd) * PICO_PER_USD));
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(middle)] ?? 0) + (sorted[Math.ceil(middle)] ?? 0)) / 2;
}

function describe(change: Change): Found {
  const { signature, baselinePico, nowPico, ratio, z, excessPico, recentExecutions } = change;
  const isRise = ratio > 1;
  const saves = isRise && excessPico > 0n;
  return {
    subject: { pattern: signature },
    title: isRise
      ? `${nameOf(signature)}: a run costs ${ratio.toFixed(1)} times what it used to`
      : `${nameOf(signature)}: a run costs ${percent(1 - ratio, 1)} less than it used to`,
    advice: isRise
      ? "Look at what changed in the last days: the prompt or its instructions, the model, tools that were added, what is read at the start."
      : "Good if intended. Otherwise look whether runs end before their work is done.",
    savingPico: saves ? excessPico : null,
    how: saves
      ? `the ${recentExecutions} runs of the last ${RECENT_DAYS} days cost ${dollars(excessPico)} more than they would have at ${dollars(baselinePico)} each, the median day before`
      : "nothing is to be saved: it got cheaper, or the newest days do not outweigh those before",
    days: RECENT_DAYS,
    confidence: {
      level: Math.abs(z) > 2 * Z_MIN && change.historyDays >= 2 * HISTORY_DAYS_MIN ? "high" : "medium",
      because: `robust z-score ${z.toFixed(1)} against ${change.historyDays} days of its own; that it was not meant is not in the ledger`,
    },
    scope: { commands: [change.commandBase], patterns: [signature] },
    evidence: {
      usual_cost_usd: exactUsd(baselinePico),
      cost_now_usd: exactUsd(nowPico),
      ratio: Math.round(ratio * 100) / 100,
      z_score: Math.round(z * 10) / 10,
      history_days: change.historyDays,
      executions_of_last_days: recentExecutions,
    },
  };
}

/** Without its version. */
function nameOf(signature: string): string {
  return signature.replace(/^v\d+ /, "");
}
