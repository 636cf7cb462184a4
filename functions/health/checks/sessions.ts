import { getSessionFacts, type SessionFacts } from "../../../shared/postgres/health-sessions.ts";
import { type CheckResult, judge, state } from "../check.ts";
import type { CheckGroup } from "../group.ts";

const OF_SESSIONS = ["active_connections", "long_transactions", "slow_queries", "lock_waits"] as const;

/** Connections of the server, and what goes on in this database. */
export const sessions: CheckGroup<SessionFacts> = {
  names: ["connection_slots", ...OF_SESSIONS],
  fetch: ({ pool }) => getSessionFacts(pool),
  evaluate: (facts) => [judgeSlots(facts), ...(facts.hidden > 0 ? hidden(facts) : judgeSessions(facts))],
};

function judgeSlots({ slots, used, active, idle }: SessionFacts): CheckResult {
  return judge({
    name: "connection_slots",
    value: (100 * used) / slots,
    unit: "%",
    warning: 80,
    critical: 95,
    message: `${used} of ${slots} connections are used: ${active} active, ${idle} idle.`,
    nextStep:
      "Lower NETRA_DATABASE_CONNECTIONS or the instances of the functions, or raise max_connections of the server.",
  });
}

/** Other logins' sessions cannot be seen: nothing that could be in them is told to be well. */
function hidden({ hidden: count }: SessionFacts): CheckResult[] {
  return OF_SESSIONS.map((name) =>
    state(name, "unknown", `What ${count} sessions of this database do is hidden from its owner.`, {
      nextStep: "grant pg_read_all_stats to the owner of the database",
    }),
  );
}

function judgeSessions(facts: SessionFacts): CheckResult[] {
  const transaction = Math.max(facts.longest_transaction, facts.longest_idle_in_transaction);
  return [
    judge({
      name: "active_connections",
      value: (100 * facts.active) / facts.slots,
      unit: "%",
      warning: 50,
      critical: 80,
      message: `${facts.active} connections work at once, of ${facts.slots} there can be.`,
      nextStep: "See slow_query_analysis and lock_waits: work comes in faster than it is done.",
    }),
    judge({
      name: "long_transactions",
      value: transaction,
      unit: "s",
      warning: 300,
      critical: 3_600,
      ageSeconds: transaction,
      message:
        transaction === 0
          ? "No transaction is open."
          : `The longest transaction has been open for ${Math.round(transaction)} s (idle in it: ${Math.round(facts.longest_idle_in_transaction)} s).`,
      nextStep:
        "Find it in pg_stat_activity by xact_start and end it with pg_terminate_backend(pid): it holds back vacuum and locks.",
    }),
    judge({
      name: "slow_queries",
      value: facts.slow_queries,
      unit: "statements",
      warning: 1,
      critical: 10,
      ageSeconds: facts.slowest_query,
      message: `${facts.slow_queries} statements have run for more than 5 s; the longest for ${Math.round(facts.slowest_query)} s.`,
      nextStep:
        "Look at pg_stat_activity and slow_query_analysis, and at performance_optimization_recommendations.",
    }),
    judge({
      name: "lock_waits",
      value: facts.longest_lock_wait,
      unit: "s",
      warning: 5,
      critical: 60,
      ageSeconds: facts.longest_lock_wait,
      message: `${facts.waiting_locks} sessions wait for a lock, the longest for ${Math.round(facts.longest_lock_wait)} s.`,
      nextStep:
        "select pid, pg_blocking_pids(pid) from pg_stat_activity where wait_event_type = 'Lock' names who holds it.",
    }),
  ];
}
