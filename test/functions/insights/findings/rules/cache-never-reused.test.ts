import { expect, it } from "vitest";
import {
  cacheNeverReused,
  UNREAD_SESSIONS_MIN,
} from "../../../../../functions/insights/findings/rules/cache-never-reused.ts";
import type { CacheReuse } from "../../../../../shared/insight-sessions.ts";
import { makeFacts, usd } from "../make-facts.ts";

function makeReuse(partial: Partial<CacheReuse> = {}): CacheReuse {
  return {
    commandBase: "/describe-pr",
    repository: "acme/shop",
    model: "claude-sonnet-5-5",
    sessions: 10,
    unread: 8,
    unreadExecutions: 8,
    unreadWriteTokens: 240_000,
    wastedPico: usd(0.12),
    ...partial,
  };
}
const find = (reuse: CacheReuse) => cacheNeverReused.find(makeFacts({ sessions: { cacheReuse: [reuse] } }));

it("finds sessions that wrote a cache nobody read, and promises what the writes cost above plain input", () => {
  const [found] = find(makeReuse());
  expect(found).toMatchObject({
    subject: { command_base: "/describe-pr", repository: "acme/shop", model: "claude-sonnet-5-5" },
    savingPico: usd(0.12),
    confidence: { level: "high" },
    evidence: { sessions: 10, sessions_never_read: 8, wasted_usd: "0.12" },
  });
});

it("is silent one session below the least, and speaks at it", () => {
  expect(find(makeReuse({ unread: UNREAD_SESSIONS_MIN - 1 }))).toEqual([]);
  expect(find(makeReuse({ unread: UNREAD_SESSIONS_MIN }))).toHaveLength(1);
});

it("is silent when nothing was lost", () => {
  expect(find(makeReuse({ wastedPico: 0n }))).toEqual([]);
  expect(find(makeReuse({ wastedPico: -1n }))).toEqual([]);
  expect(find(makeReuse({ wastedPico: 1n }))).toHaveLength(1);
});

it("is less sure when most sessions do read their cache", () => {
  expect(find(makeReuse({ sessions: 16 }))[0]?.confidence.level).toBe("high");
  expect(find(makeReuse({ sessions: 17 }))[0]?.confidence.level).toBe("medium");
});

it("measures the waste over all sessions of the group, also when it is gone", () => {
  const subject = { command_base: "/describe-pr", repository: "acme/shop", model: "claude-sonnet-5-5" };
  const gone = makeReuse({ unread: 0, wastedPico: 0n });
  const facts = makeFacts({ sessions: { cacheReuse: [gone] } });
  expect(cacheNeverReused.measure(facts, subject)).toEqual({ costPico: 0n, units: 10, unit: "session" });
  expect(cacheNeverReused.measure(makeFacts(), subject)).toBeNull();
});
