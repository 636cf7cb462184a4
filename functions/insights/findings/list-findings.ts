import { parseUsd } from "../../../shared/agent/usd.ts";
import {
  type FindingState,
  listDecisions,
  type StoredDecision,
} from "../../../shared/postgres/insight-findings.ts";
import { listPatternsOf, type NamedPattern } from "../../../shared/postgres/insight-patterns.ts";
import { withOrganization } from "../../../shared/postgres/pool.ts";
import type { InsightsContext } from "../context.ts";
import { orUnavailable, type Source } from "../sources.ts";
import { affectedPatterns } from "./affected-patterns.ts";
import { exactUsd } from "./amounts.ts";
import type { Analysis } from "./analyses.ts";
import type { Finding } from "./finding.ts";
import { readSnapshot } from "./snapshot.ts";
import { type Outcome } from "./outcome.ts";
import { listOutcomes } from "./list-outcomes.ts";
import { writePageToken } from "./page-token.ts";
import type { FindingParameters } from "./parameters.ts";
import type { Confidence, RuleName, Scope } from "./rule.ts";
import { RULES } from "./rules.ts";
import { byMoney, moneyOf, totalOf } from "./total.ts";

/** The answer of `GET /v1/insights`. Amounts are exact decimal dollars. */
export interface FindingsAnswer {
  /** When the ledger was read. */
  as_of: string;
  /** Up to 50,000 executions are read in the ledger; of more, the analytics copy adds up what it has of them. */
  source: Source;
  /** Executions of the range that the analytics copy did not have yet. */
  lacking: number;
  from: string;
  /** The first moment that no longer counts. */
  to: string;
  days: number;
  /** Days from the first execution in the range to its end: what a month is scaled from. */
  days_observed: number;
  executions: number;
  cost_usd: string | null;
  /** Executions are looked at in groups, the dearest first; beyond 5,000 groups the cheapest are left out. */
  groups: { read: number; all: number };
  /** Over the open and acknowledged findings that the filters let through, on this page or not. */
  total: {
    usd_per_month: string | null;
    /** The same by how sure it is. */
    by_confidence: Record<Confidence["level"], string | null>;
    findings_counted: number;
    how: string;
  };
  /** Every rule, with how many findings it has before the filters, and when it says nothing. */
  rules: { rule: RuleName; findings: number; silent_when: string }[];
  /** Number of findings, on this page or not. */
  count: number;
  findings: ListedFinding[];
  next_page_token: string | null;
}

export interface ListedFinding extends Finding {
  state: FindingState;
  /** Who decided, when and why; null while nobody has. */
  decision: { at: string; by: string | null; note: string | null; muted_until: string | null } | null;
  /** Whether the rule finds it in this range; one that is done stays listed when it does not. */
  found: boolean;
  /** Whether it is in the total; not when one that counts may speak of the same executions. */
  counted_in_total: boolean;
  outcome: Outcome | null;
}

const HOW =
  "from the surest down, and of those from the largest; a finding that may speak of the same executions as one that counts is left out whole, so that nothing is counted twice";
const DAY_MS = 86_400_000;

interface Item {
  finding: Finding;
  scope: Scope;
  state: FindingState;
  decision: StoredDecision | null;
  found: boolean;
}

/** Works the findings out, or takes them from the cache, and puts beside them what people decided. */
export async function listFindings(
  context: InsightsContext,
  organizationId: string,
  parameters: FindingParameters,
): Promise<{ answer: FindingsAnswer; cached: boolean }> {
  const { days, to, limit, offset } = parameters;
  const range = { from: new Date(to.getTime() - days * DAY_MS), to };
  const { analysis, cached } = await context.analyses.analyse(organizationId, range);
  const decisions = await orUnavailable(
    withOrganization(context.pool, organizationId, (sql) => listDecisions(sql, organizationId)),
  );
  const items = itemsOf(analysis, decisions, context.now()).filter((item) => isWanted(item, parameters));
  items.sort((a, b) => byMoney(amountOf(a), amountOf(b)));
  const total = totalOf(
    items.filter(({ found, state }) => found && (state === "open" || state === "acknowledged")),
  );
  const page = items.slice(offset, offset + limit);
  const outcomes = await listOutcomes(
    context,
    organizationId,
    page.flatMap(({ decision, state }) => (decision !== null && state === "done" ? [decision] : [])),
  );
  const patterns = await namedPatterns(context, organizationId, page);
  const patternsOf = ({ finding, scope, found }: Item): Finding["affected"] =>
    found ? { ...finding.affected, patterns: affectedPatterns(scope, patterns) } : finding.affected;
  const next = offset + page.length;
  const answer: FindingsAnswer = {
    as_of: analysis.asOf,
    source: analysis.source,
    lacking: analysis.lacking,
    from: analysis.from,
    to: analysis.to,
    days,
    days_observed: analysis.daysObserved,
    executions: analysis.executions,
    cost_usd: analysis.costUsd,
    groups: { read: analysis.groupsRead, all: analysis.groups },
    total: {
      usd_per_month: usdOf(total.pico),
      by_confidence: {
        high: usdOf(total.byConfidence.high),
        medium: usdOf(total.byConfidence.medium),
        low: usdOf(total.byConfidence.low),
      },
      findings_counted: total.counted.size,
      how: HOW,
    },
    rules: RULES.map(({ name, silentWhen }) => ({
      rule: name,
      findings: analysis.findings.filter(({ finding }) => finding.rule === name).length,
      silent_when: silentWhen,
    })),
    count: items.length,
    findings: page.map((item) => ({
      ...item.finding,
      affected: patternsOf(item),
      state: item.state,
      decision: decisionOf(item.decision),
      found: item.found,
      counted_in_total: total.counted.has(item.finding.id),
      outcome: outcomes.get(item.finding.id) ?? null,
    })),
    next_page_token:
      page.length > 0 && next < items.length
        ? writePageToken({ ...parameters, to: new Date(analysis.to), offset: next })
        : null,
  };
  return { answer, cached };
}

async function namedPatterns(
  { pool }: InsightsContext,
  organizationId: string,
  page: readonly Item[],
): Promise<NamedPattern[]> {
  const commands = [...new Set(page.flatMap(({ scope }) => scope.commands ?? []))];
  if (commands.length === 0) return [];
  return orUnavailable(
    withOrganization(pool, organizationId, (sql) => listPatternsOf(sql, organizationId, commands)),
  );
}

function usdOf(pico: bigint | null): string | null {
  return pico === null ? null : exactUsd(pico);
}

function itemsOf(analysis: Analysis, decisions: readonly StoredDecision[], nowMs: number): Item[] {
  const decided = new Map(decisions.map((decision) => [decision.findingId, decision]));
  const items = analysis.findings.map(({ finding, scope }): Item => {
    const decision = decided.get(finding.id) ?? null;
    return { finding, scope, state: stateOf(decision, nowMs), decision, found: true };
  });
  const found = new Set(items.map(({ finding }) => finding.id));
  const gone = decisions.filter(({ findingId, state }) => state === "done" && !found.has(findingId));
  return [
    ...items,
    ...gone.map((decision): Item => ({
      finding: readSnapshot(decision.snapshot),
      scope: {},
      state: "done",
      decision,
      found: false,
    })),
  ];
}

/** A mute ends by itself. */
function stateOf(decision: StoredDecision | null, nowMs: number): FindingState {
  if (decision === null) return "open";
  const { state, mutedUntil } = decision;
  return state === "muted" && (mutedUntil === null || mutedUntil.getTime() <= nowMs) ? "open" : state;
}

function isWanted(item: Item, { rule, state, minUsd, repository }: FindingParameters): boolean {
  const { finding } = item;
  if (state === null ? item.state === "muted" : state !== "all" && item.state !== state) return false;
  if (rule !== null && finding.rule !== rule) return false;
  if (repository !== null && !finding.affected.repositories.includes(repository)) return false;
  const least = minUsd === null ? null : parseUsd(minUsd);
  const money = moneyOf(amountOf(item));
  return least === null || (money !== null && money >= least);
}

/** What is done goes by what it promised. */
function amountOf({ finding, decision, state }: Item): Pick<Finding, "id" | "usd_per_month"> {
  const usd = state === "done" ? (decision?.promisedUsdPerMonth ?? null) : finding.usd_per_month;
  return { id: finding.id, usd_per_month: usd };
}

function decisionOf(decision: StoredDecision | null): ListedFinding["decision"] {
  if (decision === null) return null;
  return {
    at: decision.changedAt.toISOString(),
    by: decision.changedBy,
    note: decision.note,
    muted_until: decision.mutedUntil?.toISOString() ?? null,
  };
}
