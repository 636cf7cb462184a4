import { findPrice } from "../../../../shared/agent/find-price.ts";
import type { IdleGaps } from "../../../../shared/postgres/insight-requests.ts";
import { dollars, exactUsd } from "../amounts.ts";
import { inRepository } from "../names.ts";
import type { Found, Rule } from "../rule.ts";

/** A handful of waits says something about one afternoon, not about how a team works. */
export const GAPS_MIN = 5;
/** The other way: this many requests must have shown that there are few waits. */
export const REQUESTS_MIN = 100;
/** The other lifetime must have been cheaper by more than this, or the change is not worth anybody's time. */
const SAVING_MIN_PICO = 100_000_000_000n;

interface Balance {
  gainPico: bigint;
  pricePico: bigint;
}

/**
 * Whether the other cache lifetime would have been cheaper for a model in a repository, by its waits between requests.
 *
 * Inputs, over chains of requests of one session to one model (of the sessions with the most cache writes): W = tokens
 * written; for waits of more than 5 minutes and at most an hour, L = tokens written again although the request before had
 * them in the cache, S = tokens read from a cache that five minutes would have lost. Rates are the list prices of the model
 * for a token: w5, w1 (writes for five minutes, for an hour) and r (reads), without surcharges for size, speed or region.
 * Output, chains with five minutes: saving by an hour = L·(w5 − r) − (W − L)·(w1 − w5). With w5 = 1.25, w1 = 2 and r = 0.1
 * times the input rate it breaks even where 39.5 % of the tokens are written again, with r = 0.05 where 38.5 % are.
 * Chains with an hour: saving by five minutes = W·(w1 − w5) − S·(w5 − r).
 * Silent below SAVING_MIN_PICO; the advice for an hour also below GAPS_MIN waits, the one for five minutes below REQUESTS_MIN
 * requests. Chains that asked for both lifetimes are left out.
 */
export const cacheIdleGaps: Rule = {
  name: "cache_idle_gaps",
  silentWhen: `the other cache lifetime would not have saved ${dollars(SAVING_MIN_PICO)} for a model in a repository, or too few waits and requests were seen to tell`,
  find: ({ requests, range }) =>
    requests.gaps.flatMap((gap) => {
      const balance = balanceOf(gap, range.to);
      if (balance === null || balance.gainPico - balance.pricePico < SAVING_MIN_PICO) return [];
      const isEnough = gap.lifetime === "5m" ? gap.gaps >= GAPS_MIN : gap.requests >= REQUESTS_MIN;
      return isEnough ? [describe(gap, balance)] : [];
    }),
  measure({ requests, range }, subject) {
    const here = requests.gaps.filter(
      ({ repository, model }) => repository === subject["repository"] && model === subject["model"],
    );
    const units = here.reduce((count, gap) => count + gap.requests, 0);
    if (units === 0) return null;
    const same = here.find(({ lifetime }) => lifetime === subject["lifetime"]);
    const balance = same === undefined ? null : balanceOf(same, range.to);
    const net = balance === null ? 0n : balance.gainPico - balance.pricePico;
    return { costPico: net > 0n ? net : 0n, units, unit: "request" };
  },
};

/** Null for a model without a price. */
function balanceOf(gap: IdleGaps, at: Date): Balance | null {
  const rates = findPrice(gap.model, at.toISOString())?.rates;
  if (rates === undefined) return null;
  const dearer = rates.cacheWrite1h - rates.cacheWrite5m;
  const again = rates.cacheWrite5m - rates.cacheRead;
  return gap.lifetime === "5m"
    ? {
        gainPico: BigInt(gap.rewrittenTokens) * again,
        pricePico: BigInt(gap.writeTokens - gap.rewrittenTokens) * dearer,
      }
    : { gainPico: BigInt(gap.writeTokens) * dearer, pricePico: BigInt(gap.servedTokens) * again };
}

function describe(gap: IdleGaps, { gainPico, pricePico }: Balance): Found {
  const { repository, model, lifetime, gaps, writeTokens, rewrittenTokens, servedTokens } = gap;
  const isShort = lifetime === "5m";
  const where = `${model} ${inRepository(repository)}`;
  return {
    // The lifetime in use: it is the same finding however the break-even moves.
    subject: { repository, model, lifetime },
    title: isShort
      ? `${where}: the cache is written again after breaks; an hour of lifetime is cheaper`
      : `${where}: an hour of cache lifetime is paid for and hardly used; five minutes are cheaper`,
    advice: isShort
      ? "Let the agent ask for the 1-hour cache there: a break of 5 to 60 minutes then reads the prompt instead of writing it again."
      : "Let the agent ask for the 5-minute cache there: breaks of 5 to 60 minutes are too few to earn back the dearer writes.",
    savingPico: gainPico - pricePico,
    how: isShort
      ? `${gaps} waits of 5 to 60 minutes wrote ${rewrittenTokens} tokens again; reading them instead saves ${dollars(gainPico)}, and writing the other ${writeTokens - rewrittenTokens} tokens for an hour costs ${dollars(pricePico)} more`
      : `${writeTokens} tokens written for five minutes instead of an hour save ${dollars(gainPico)}; writing ${servedTokens} tokens again after ${gaps} waits of 5 to 60 minutes would cost ${dollars(pricePico)}`,
    confidence: {
      level: pricePico * 2n <= gainPico ? "high" : "medium",
      because: `replayed over ${gap.requests} requests of ${gap.sessions} sessions, those with the most cache writes, at list prices; others are not counted`,
    },
    scope: {
      requestModels: [model],
      ...(gap.executionModels === null ? {} : { models: gap.executionModels }),
      repositories: [repository],
    },
    evidence: {
      lifetime,
      sessions_examined: gap.sessions,
      requests_examined: gap.requests,
      waits_of_5_to_60_minutes: gaps,
      cache_write_tokens: writeTokens,
      [isShort ? "tokens_written_again" : "tokens_read_after_waits"]: isShort
        ? rewrittenTokens
        : servedTokens,
      saved_by_change_usd: exactUsd(gainPico),
      cost_of_change_usd: exactUsd(pricePico),
    },
  };
}
