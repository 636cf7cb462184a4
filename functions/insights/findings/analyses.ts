import { countCache } from "../../../shared/metrics.ts";
import type { InsightRange } from "../../../shared/insight-cells.ts";
import type { Pool } from "../../../shared/postgres/pool.ts";
import { getSnapshotName } from "../../../shared/postgres/summary.ts";
import { type AnswerCache, createAnswerCache } from "../answer-cache.ts";
import { orUnavailable, type Source } from "../sources.ts";
import { daysObserved, exactUsd } from "./amounts.ts";
import { type Baseline, baselineOf, type WorkedOut, workOut } from "./finding.ts";
import { createHeldAnswers, type HeldAnswers } from "./held-answers.ts";
import { type FactStores, type ReadFacts, readFacts } from "./read-facts.ts";
import type { RuleName, Subject } from "./rule.ts";
import { RULES } from "./rules.ts";
import { byMoney } from "./total.ts";

/** What the rules say about a stretch of the ledger. Plain values only, because it is weighed for the cache. */
export interface Analysis {
  from: string;
  to: string;
  /** When the ledger was read. */
  asOf: string;
  source: Source;
  /** Executions of the range that the analytics copy did not have yet. */
  lacking: number;
  daysObserved: number;
  executions: number;
  /** Null when nothing has a known cost. */
  costUsd: string | null;
  /** Groups of executions that were looked at, of all there are: the dearest come first. */
  groupsRead: number;
  groups: number;
  /** The most money first. */
  findings: WorkedOut[];
}

interface Subjects {
  rule: RuleName;
  subject: Subject;
}

/** What subjects measure, in their order; null where the facts do not tell. */
interface Measures {
  to: string;
  baselines: (Baseline | null)[];
}

export interface Analyses {
  /** A range that ends now may be answered by an analysis that was made a little earlier; it tells its own range. */
  analyse: (organizationId: string, range: InsightRange) => Promise<{ analysis: Analysis; cached: boolean }>;
  /** Likewise. */
  measure: (organizationId: string, range: InsightRange, subjects: readonly Subjects[]) => Promise<Measures>;
}

/** More nobody reads. What has no known amount sorts last and must not be cut off by what has one. */
const FINDINGS_MAX = { withAmount: 500, without: 200 };
const CACHE = { name: "findings", entriesMax: 200, bytesMax: 32 * 1024 * 1024 };

/**
 * Holds each analysis while nothing is committed, for `ttlMs`, and one that took long for a while after that, at most
 * `maxAgeMs`.
 */
export function createAnalyses({
  pool,
  now,
  ttlMs,
  maxAgeMs,
  inTurn,
  ...stores
}: FactStores & {
  pool: Pool;
  now: () => number;
  ttlMs: number;
  maxAgeMs: number;
  /** Runs work when it is the organization's turn. */
  inTurn: <T>(organizationId: string, work: () => Promise<T>) => Promise<T>;
}): Analyses {
  const store = <Answer extends { to: string }>(): Store<Answer> => ({
    exact: createAnswerCache({ ...CACHE, ttlMs, now }),
    held: createHeldAnswers({ bytesMax: CACHE.bytesMax, maxAgeMs, now }),
  });
  const counts = countCache(CACHE.name);
  const analyses = store<Analysis>();
  const measures = store<Measures>();

  async function answer<Answer extends { to: string }>(
    { exact, held }: Store<Answer>,
    organizationId: string,
    { from, to }: InsightRange,
    rest: readonly unknown[],
    compute: (read: ReadFacts, begun: number) => Answer,
  ): Promise<{ answer: Answer; cached: boolean }> {
    const isOpen = to.getTime() > now();
    const length = to.getTime() - from.getTime();
    // What ends now is held under its length, or its beginning: a minute later it is still the same question.
    const open = JSON.stringify([organizationId, rest.length === 0 ? length : from, ...rest]);
    const closed = JSON.stringify([organizationId, from, to, ...rest]);
    const find = (): Answer | null => {
      const latest = held.find(open);
      if (latest !== null && (isOpen || latest.to === to.toISOString())) return latest;
      return isOpen ? null : held.find(closed);
    };
    const known = find();
    if (known !== null) {
      counts.hits += 1;
      return { answer: known, cached: true };
    }
    return exact.get(closed, await orUnavailable(getSnapshotName(pool)), () =>
      inTurn(organizationId, async () => {
        // Whoever waited may find that the one before has worked out the same.
        const meanwhile = find();
        if (meanwhile !== null) return meanwhile;
        const begun = now();
        const computed = compute(await orUnavailable(readFacts(stores, organizationId, { from, to })), begun);
        held.keep(isOpen ? open : closed, computed, now() - begun);
        return computed;
      }),
    );
  }

  return {
    async analyse(organizationId, range) {
      const { answer: analysis, cached } = await answer(analyses, organizationId, range, [], analysisOf);
      return { analysis, cached };
    },
    async measure(organizationId, range, subjects) {
      const { answer: measured } = await answer(
        measures,
        organizationId,
        range,
        subjects,
        ({ facts: since }) => ({
          to: since.range.to.toISOString(),
          baselines: subjects.map(({ rule: name, subject }) => {
            const rule = RULES.find((one) => one.name === name);
            return rule === undefined ? null : baselineOf(rule.measure(since, subject));
          }),
        }),
      );
      return measured;
    },
  };
}

interface Store<Answer> {
  exact: AnswerCache<Answer>;
  held: HeldAnswers<Answer>;
}

function analysisOf({ facts, source, lacking }: ReadFacts, begun: number): Analysis {
  const { cells, range } = facts;
  const findings = RULES.flatMap((rule) =>
    rule.find(facts).map((found) => workOut(rule, found, facts)),
  ).toSorted((a, b) => byMoney(a.finding, b.finding));
  return {
    from: range.from.toISOString(),
    to: range.to.toISOString(),
    asOf: new Date(begun).toISOString(),
    source,
    lacking,
    daysObserved: daysObserved(cells.firstAt, range.from, range.to),
    executions: cells.executions,
    costUsd: cells.costPico === null ? null : exactUsd(cells.costPico),
    groupsRead: cells.cells.length,
    groups: cells.cellCount,
    findings: [
      ...findings.filter(hasAmount).slice(0, FINDINGS_MAX.withAmount),
      ...findings.filter((one) => !hasAmount(one)).slice(0, FINDINGS_MAX.without),
    ],
  };
}

function hasAmount({ finding }: WorkedOut): boolean {
  return finding.usd_per_month !== null;
}
