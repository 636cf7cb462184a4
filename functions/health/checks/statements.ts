import { getStatementFacts, type StatementFacts } from "../../../shared/postgres/health-schema.ts";
import { judge, state } from "../check.ts";
import type { CheckGroup } from "../group.ts";

const NAME = "statement_statistics";

/** What pg_stat_statements knows of statements that are slow time after time. */
export const statements: CheckGroup<StatementFacts> = {
  names: [NAME],
  fetch: ({ pool }) => getStatementFacts(pool),
  evaluate: ({ is_installed: isInstalled, slow, slowest_mean_ms: slowest }) => [
    isInstalled
      ? judge({
          name: NAME,
          value: slow,
          unit: "statements",
          warning: 1,
          critical: 10,
          message: `${slow} statements take more than a second on average; the slowest ${Math.round(slowest ?? 0)} ms.`,
          nextStep:
            "select * from slow_query_analysis shows them, performance_optimization_recommendations what to do.",
        })
      : state(
          NAME,
          "ok",
          "pg_stat_statements is not installed, or not loaded; slow_queries tells of what is slow right now.",
        ),
  ],
};
