import { getReplicationFacts, type ReplicationFacts } from "../../../shared/postgres/health-replication.ts";
import { type CheckResult, judge, state } from "../check.ts";
import type { CheckGroup } from "../group.ts";

interface Facts extends ReplicationFacts {
  expected: number;
}

export const replication: CheckGroup<Facts> = {
  names: ["replication_lag", "replicas"],
  fetch: async ({ pool, replicasExpected }) => ({
    ...(await getReplicationFacts(pool)),
    expected: replicasExpected,
  }),
  evaluate: (facts) => [judgeLag(facts), judgeReplicas(facts)],
};

function judgeLag(facts: Facts): CheckResult {
  if (!facts.is_replica && facts.replicas === 0) {
    return facts.expected === 0
      ? state("replication_lag", "ok", "There is no replica.")
      : state("replication_lag", "unknown", "No replica streams, so its lag is not known.", {
          nextStep: "See the check named replicas.",
        });
  }
  const lag = lagOf(facts);
  return judge({
    name: "replication_lag",
    value: lag,
    unit: "s",
    warning: 10,
    critical: 30,
    ...(lag === null ? {} : { ageSeconds: lag }),
    message:
      lag === null
        ? "The replica has not told yet how far it is."
        : `The replica that is furthest behind is ${lag.toFixed(1)} s behind${facts.lag_bytes === null ? "" : ` (${facts.lag_bytes} bytes)`}.`,
    nextStep: "Look for long reads and for load on the replica; reads go to the primary while it is behind.",
  });
}

/** Null while nothing tells. A replica that has shown everything, of a server that writes nothing, has none to tell of. */
function lagOf(facts: Facts): number | null {
  if (facts.is_replica) return facts.own_lag;
  const told = [facts.lag_seconds, facts.unshown_seconds].filter((seconds) => seconds !== null);
  if (told.length > 0) return Math.max(...told);
  return facts.lag_bytes === 0 ? 0 : null;
}

function judgeReplicas(facts: Facts): CheckResult {
  const { streaming, expected, idle_slots: idle } = facts;
  const found = `${streaming} of ${expected} expected replicas stream`;
  if (!facts.is_replica && streaming < expected) {
    return {
      ...state("replicas", "critical", `${found}.`, {
        nextStep: "Start the replica, or set NETRA_REPLICAS_EXPECTED to what there is meant to be.",
      }),
      value: streaming,
    };
  }
  if (idle > 0) {
    const kept = (facts.idle_slot_bytes / 1e9).toFixed(1);
    return state(
      "replicas",
      "warning",
      `${idle} replication slots have no reader, and ${kept} GB of log is kept for them.`,
      {
        nextStep:
          "Start their replica, or select pg_drop_replication_slot(slot_name): the log fills the disk otherwise.",
      },
    );
  }
  return { ...state("replicas", "ok", `${found}.`), value: streaming };
}
