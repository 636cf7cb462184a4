import { maskSecrets } from "../../../shared/agent/mask-secrets.ts";
import { parseUsd } from "../../../shared/agent/usd.ts";
import type { Caller } from "../../../shared/auth.ts";
import { AppError } from "../../../shared/errors.ts";
import { insertAuditLog } from "../../../shared/postgres/audit-logs.ts";
import {
  findDecisionToChange,
  type FindingDecision,
  type FindingState,
  saveDecision,
  type StoredDecision,
} from "../../../shared/postgres/insight-findings.ts";
import { withOrganization } from "../../../shared/postgres/pool.ts";
import type { InsightsContext } from "../context.ts";
import { orUnavailable } from "../sources.ts";
import { exactUsd } from "./amounts.ts";
import type { WorkedOut } from "./finding.ts";
import { endOf } from "./parameters.ts";
import type { FindingAction } from "./read-action.ts";

/** The answer of `POST /v1/insights`. */
export interface DecidedAnswer {
  finding: string;
  state: FindingState;
  /** False when it was in that state already, as after a repeated request. */
  changed: boolean;
  muted_until: string | null;
  done_at: string | null;
  promised_usd_per_month: string | null;
}

const STATE_AFTER = {
  acknowledge: "acknowledged",
  mute: "muted",
  done: "done",
  reopen: "open",
} as const;
const DAY_MS = 86_400_000;

/** Writes what somebody decided about a finding, with its entry in the audit log. Safe to repeat. */
export async function decide(
  context: InsightsContext,
  caller: Caller,
  action: FindingAction,
): Promise<DecidedAnswer> {
  const { organizationId } = caller;
  const to = endOf(undefined, context.now());
  const range = { from: new Date(to.getTime() - action.days * DAY_MS), to };
  const { analysis } = await context.analyses.analyse(organizationId, range);
  const worked = analysis.findings.find(({ finding }) => finding.id === action.finding) ?? null;
  const at = new Date(context.now());
  return orUnavailable(
    withOrganization(context.pool, organizationId, async (sql) => {
      const before = await findDecisionToChange(sql, organizationId, action.finding);
      const decision = decisionAfter(action, { before, worked, at });
      if (decision === null) return answerOf(before, action.finding, false);
      await saveDecision(sql, organizationId, decision, { by: caller.userId, at });
      await insertAuditLog(sql, {
        organizationId,
        userId: caller.userId,
        action: `insight_finding.${action.action === "reopen" ? "reopened" : decision.state}`,
        resourceType: "insight_finding",
        resourceId: action.finding,
        metadata: {
          key_id: caller.keyId,
          rule: decision.rule,
          from: before?.state ?? "open",
          ...(decision.note === null ? {} : { note: decision.note }),
          ...(decision.mutedUntil === null ? {} : { until: decision.mutedUntil.toISOString() }),
          ...(decision.state === "done"
            ? { promised_usd_per_month: decision.promisedUsdPerMonth, baseline: decision.baseline }
            : {}),
        },
      });
      return answerOf(decision, action.finding, true);
    }),
  );
}

interface Known {
  before: StoredDecision | null;
  worked: WorkedOut | null;
  at: Date;
}

/** Null when nothing changes. */
function decisionAfter(action: FindingAction, { before, worked, at }: Known): FindingDecision | null {
  if (before === null && worked === null) {
    throw new AppError(
      "not_found",
      `there is no finding ${action.finding} in the last ${action.days} days; GET /v1/insights lists them`,
    );
  }
  const state = STATE_AFTER[action.action];
  if (state === (before?.state ?? "open") && isRepeat(action, before)) return null;
  if (before?.state === "done" && state !== "open") {
    throw new AppError("conflict", "this finding is done; reopen it first");
  }
  if (state === "done" && worked === null) {
    throw new AppError(
      "conflict",
      `the rule does not find this in the last ${action.days} days, so there is no saving to promise and measure`,
    );
  }
  const isDone = state === "done" && worked !== null;
  return {
    findingId: action.finding,
    rule: worked?.finding.rule ?? before?.rule ?? "",
    subject: worked?.subject ?? before?.subject ?? {},
    snapshot: worked?.finding ?? before?.snapshot ?? {},
    state,
    mutedUntil: action.until,
    note: action.note === null ? null : maskSecrets(action.note),
    doneAt: isDone ? at : null,
    promisedUsdPerMonth: isDone ? worked.finding.usd_per_month : null,
    baseline: isDone ? worked.baseline : null,
  };
}

/** Another end of a mute, or another note, is a change; a second "done" is none, because its date counts. */
function isRepeat(action: FindingAction, before: StoredDecision | null): boolean {
  if (before === null || before.state === "done") return true;
  return (
    (before.mutedUntil?.getTime() ?? null) === (action.until?.getTime() ?? null) &&
    (action.note === null || maskSecrets(action.note) === before.note)
  );
}

function answerOf(decision: FindingDecision | null, finding: string, changed: boolean): DecidedAnswer {
  return {
    finding,
    state: decision?.state ?? "open",
    changed,
    muted_until: decision?.mutedUntil?.toISOString() ?? null,
    done_at: decision?.doneAt?.toISOString() ?? null,
    promised_usd_per_month: trimmed(decision?.promisedUsdPerMonth ?? null),
  };
}

/** The column holds twelve decimals. */
function trimmed(usd: string | null): string | null {
  const pico = usd === null ? null : parseUsd(usd);
  return pico === null ? null : exactUsd(pico);
}
