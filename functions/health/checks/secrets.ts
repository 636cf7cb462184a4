import { getSecretFacts, type SecretFacts } from "../../../shared/postgres/health-schema.ts";
import { type CheckResult, judge, state } from "../check.ts";
import type { CheckGroup } from "../group.ts";

const DAY = 86_400;

/** Whether keys or secrets end before somebody replaces them. */
export const secrets: CheckGroup<SecretFacts> = {
  names: ["key_expiry", "source_secrets"],
  fetch: ({ pool }) => getSecretFacts(pool),
  evaluate: (facts) => [judgeKeys(facts), judgeSources(facts)],
};

function judgeKeys(facts: SecretFacts): CheckResult {
  const { first_end: left, keys_just_ended: ended, keys_within_week: soon } = facts;
  const nextStep = "netra keys list shows when keys end; netra keys create makes one to put in its place.";
  if (ended > 0) {
    return state("key_expiry", "critical", `${ended} API keys that are in use ended within the last day.`, {
      nextStep,
    });
  }
  if (left === null) return state("key_expiry", "ok", "No API key that is in use has an end.");
  return judge({
    name: "key_expiry",
    value: left / DAY,
    unit: "days",
    warning: 7,
    critical: 1,
    worse: "below",
    message: `The next API key in use ends in ${(left / DAY).toFixed(1)} days; ${soon} end within a week.`,
    nextStep,
  });
}

function judgeSources({ sources_without_secret: count }: SecretFacts): CheckResult {
  return judge({
    name: "source_secrets",
    value: count,
    unit: "sources",
    warning: 1,
    critical: 1,
    message: `${count} active sources of events have no secret that still holds.`,
    nextStep:
      "netra sources list shows them, netra sources rotate NAME gives one a new secret: its events are refused meanwhile.",
  });
}
