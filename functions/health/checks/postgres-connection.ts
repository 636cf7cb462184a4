import { type ConnectionFacts, getConnectionFacts } from "../../../shared/postgres/health-sessions.ts";
import { judge, state } from "../check.ts";
import type { CheckGroup } from "../group.ts";
import { judgeClock } from "./clock.ts";

const NAME = "postgres_connection";
const NEXT =
  "Start the database or its proxy, then look at its log and at the network between; no execution can be stored meanwhile.";

export const postgresConnection: CheckGroup<ConnectionFacts> = {
  names: [NAME, "clock_skew"],
  fetch: ({ pool, now }) => getConnectionFacts(pool, now),
  evaluate: (facts) => [
    judge({
      name: NAME,
      value: facts.milliseconds,
      unit: "ms",
      warning: 250,
      critical: 1_000,
      message: `The ledger answered within ${Math.round(facts.milliseconds)} ms.`,
      nextStep: "Look for load on the database and for waits in the pool of the health function.",
    }),
    judgeClock("clock_skew", "PostgreSQL", facts),
  ],
  failed: (reason) => [
    state(NAME, "critical", `The ledger does not answer: ${reason}.`, { nextStep: NEXT }),
    state("clock_skew", "unknown", "The clock of the ledger could not be read.", { nextStep: NEXT }),
  ],
};
