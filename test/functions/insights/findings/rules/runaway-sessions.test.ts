import { expect, it } from "vitest";
import {
  runawaySessions,
  SESSIONS_MIN,
} from "../../../../../functions/insights/findings/rules/runaway-sessions.ts";
import type { InsightSession, InsightSessions } from "../../../../../shared/insight-sessions.ts";
import { makeFacts, usd } from "../make-facts.ts";

function makeSession(dollars: number, partial: Partial<InsightSession> = {}): InsightSession {
  return {
    sessionId: `s-${dollars}`,
    repository: "acme/shop",
    model: "claude-opus-5-5",
    executions: 3,
    costPico: usd(dollars),
    firstAt: "2026-11-01T09:00:00.000Z",
    lastAt: "2026-11-01T12:00:00.000Z",
    ...partial,
  };
}
/** Half of the sessions cost less than a dollar; the spread is as small as is taken, so the limit is 5 × the median. */
function find(dearest: InsightSession[], partial: Partial<InsightSessions> = {}) {
  return runawaySessions.find(
    makeFacts({
      sessions: {
        priced: 100,
        medianLog: Math.log(1),
        madLog: 0,
        byRepository: [{ repository: "acme/shop", sessions: 100 }],
        dearest,
        ...partial,
      },
    }),
  );
}

it("finds sessions far above the others and promises what they cost above the limit", () => {
  const [found] = find([makeSession(30), makeSession(7), makeSession(4)]);
  expect(found).toMatchObject({
    subject: { repository: "acme/shop" },
    savingPico: usd(25 + 2),
    evidence: { limit_usd: "5", median_usd: "1", sessions_above: 2, dearest_usd: "30" },
  });
  expect(found?.evidence["sessions"]).toHaveLength(2);
});

it("takes the limit itself for usual", () => {
  expect(find([makeSession(5)])).toEqual([]);
  expect(find([makeSession(5.000001)])).toHaveLength(1);
});

it("widens the limit with the spread of the sessions", () => {
  // exp(3.5 × 1 ÷ 0.6745) = 179.3
  expect(find([makeSession(179)], { madLog: 1 })).toEqual([]);
  expect(find([makeSession(180)], { madLog: 1 })).toHaveLength(1);
});

it("is silent when there are too few sessions to say what is usual, and about cents", () => {
  expect(find([makeSession(30)], { priced: SESSIONS_MIN - 1 })).toEqual([]);
  expect(find([makeSession(30)], { priced: SESSIONS_MIN })).toHaveLength(1);
  expect(find([makeSession(0.9)], { medianLog: Math.log(0.01) })).toEqual([]);
  expect(find([], { priced: 0, medianLog: null, madLog: null })).toEqual([]);
});

it("speaks of each repository by itself", () => {
  const found = find([makeSession(30), makeSession(20, { repository: null })]);
  expect(found.map(({ subject }) => subject["repository"])).toEqual(["acme/shop", null]);
});
