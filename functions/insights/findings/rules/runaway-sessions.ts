import type { InsightSession, InsightSessions } from "../../../../shared/insight-sessions.ts";
import { dollars, exactUsd } from "../amounts.ts";
import { inOneRepository } from "../names.ts";
import type { Found, Rule } from "../rule.ts";

/** A median of fewer says little about what is usual. */
export const SESSIONS_MIN = 20;
/** Modified z-score from which a value counts as an outlier. Source: Iglewicz and Hoaglin, 1993. */
const Z_MIN = 3.5;
/** What scales the median absolute deviation to the standard deviation of a normal distribution. */
const MAD_TO_SIGMA = 0.6745;
/** Sessions that are all alike must not make every other one an outlier: at least this spread, about a fifth. */
const MAD_LOG_MIN = 0.2;
/** Far above means at least this many times the usual. */
const TIMES_MEDIAN_MIN = 5;
/** A session below a dollar is nobody's problem. */
const USD_MIN = 1;
const SHOWN_MAX = 10;
const PICO_PER_USD = 1e12;

/**
 * Sessions that cost far more than the organization's sessions do.
 *
 * Inputs: cost of every session whose executions all have one; their number, the median m and the median absolute deviation d
 * of ln(cost); the 200 dearest sessions.
 * Limit = the greatest of exp(m + Z_MIN × max(d, MAD_LOG_MIN) ÷ MAD_TO_SIGMA), TIMES_MEDIAN_MIN × exp(m) and USD_MIN.
 * Output, by repository: saving = Σ (cost − limit) of the sessions above the limit: what a budget at the limit would have kept.
 * Silent below SESSIONS_MIN sessions.
 */
export const runawaySessions: Rule = {
  name: "runaway_sessions",
  silentWhen: `fewer than ${SESSIONS_MIN} sessions have a cost, or none is far above the others (robust z-score ${Z_MIN} on logarithms)`,
  find({ sessions }) {
    const limit = limitOf(sessions);
    if (limit === null) return [];
    const repositories = new Set(above(sessions, limit).map(({ repository }) => repository));
    return [...repositories].map((repository) => describe(sessions, limit, repository));
  },
  measure({ sessions }, subject) {
    const limit = limitOf(sessions);
    const repository = subject["repository"] ?? null;
    const units = sessions.byRepository.find((one) => one.repository === repository)?.sessions ?? 0;
    if (limit === null || units === 0) return null;
    const here = above(sessions, limit).filter((session) => session.repository === repository);
    return { costPico: excessOf(here, limit), units, unit: "session" };
  },
};

/** In pico-dollars; null when there are too few sessions to say what is usual. */
function limitOf({ priced, medianLog, madLog }: InsightSessions): bigint | null {
  if (priced < SESSIONS_MIN || medianLog === null || madLog === null) return null;
  const outlier = Math.exp(medianLog + (Z_MIN * Math.max(madLog, MAD_LOG_MIN)) / MAD_TO_SIGMA);
  const usd = Math.max(outlier, TIMES_MEDIAN_MIN * Math.exp(medianLog), USD_MIN);
  return BigInt(Math.round(usd * PICO_PER_USD));
}

function above({ dearest }: InsightSessions, limit: bigint): InsightSession[] {
  return dearest.filter(({ costPico }) => costPico > limit);
}

function excessOf(sessions: readonly InsightSession[], limit: bigint): bigint {
  return sessions.reduce((sum, { costPico }) => sum + costPico - limit, 0n);
}

function describe(facts: InsightSessions, limit: bigint, repository: string | null): Found {
  const here = above(facts, limit).filter((session) => session.repository === repository);
  const excess = excessOf(here, limit);
  const median = BigInt(Math.round(Math.exp(facts.medianLog ?? 0) * PICO_PER_USD));
  const [dearest] = here;
  return {
    subject: { repository },
    title: `${here.length === 1 ? "A session" : `${here.length} sessions`} ${inOneRepository(repository)} ran far above what sessions cost here`,
    advice: `Set a budget of about ${dollars(limit)} for a session there, and look at what made these so long: a new session for each task keeps the context small.`,
    savingPico: excess,
    how: `${here.length} of ${facts.priced} sessions cost more than ${dollars(limit)}, where half cost less than ${dollars(median)}; what they cost above it comes to ${dollars(excess)}`,
    confidence: {
      level: here.length >= 3 ? "medium" : "low",
      because:
        "that they are outliers is certain; whether the work would have been done for less is not in the ledger",
    },
    scope: repository === null ? {} : { repositories: [repository] },
    evidence: {
      limit_usd: exactUsd(limit),
      median_usd: exactUsd(median),
      sessions_compared: facts.priced,
      sessions_above: here.length,
      dearest_usd: dearest === undefined ? null : exactUsd(dearest.costPico),
      sessions: here
        .slice(0, SHOWN_MAX)
        .map(({ sessionId, costPico, executions, model, firstAt, lastAt }) => ({
          session_id: sessionId,
          cost_usd: exactUsd(costPico),
          executions,
          model,
          from: firstAt,
          to: lastAt,
        })),
    },
  };
}
