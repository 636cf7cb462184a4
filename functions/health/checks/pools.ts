import { listPoolCounts, type PoolCounts } from "../../../shared/metrics.ts";
import { type CheckResult, judge, state } from "../check.ts";
import type { CheckGroup } from "../group.ts";

/** Its connections are lent to the very checks that are being made. */
const CHECKS_POOL = "netra-health-checks";

/** The pools of this process: of every function on the local server, of this one alone where each has its own instances. */
export const pools: CheckGroup<readonly PoolCounts[]> = {
  names: ["pool_utilization", "pool_waiters"],
  fetch: () => Promise.resolve(listPoolCounts().filter(({ name }) => name !== CHECKS_POOL)),
  evaluate: (counts) => [judgeUse(counts), judgeWaiters(counts)],
};

const STEP =
  "Raise NETRA_DATABASE_CONNECTIONS, or look at slow_queries and lock_waits for what holds the connections.";
const usedPercent = ({ active, max }: PoolCounts): number => (100 * active) / max;

function judgeUse(counts: readonly PoolCounts[]): CheckResult {
  const [first, ...others] = counts;
  if (first === undefined) return state("pool_utilization", "unknown", "This process has no pool.");
  const fullest = others.reduce((a, b) => (usedPercent(b) > usedPercent(a) ? b : a), first);
  return judge({
    name: "pool_utilization",
    value: usedPercent(fullest),
    unit: "%",
    warning: 80,
    critical: 100,
    message: `${fullest.active} of the ${fullest.max} connections of ${fullest.name} are in use; no pool is fuller.`,
    nextStep: STEP,
  });
}

function judgeWaiters(counts: readonly PoolCounts[]): CheckResult {
  // Who waits while there is room waits for a connection that is being opened.
  const full = counts.filter(({ waiting, total, max }) => waiting > 0 && total >= max);
  const waiting = full.reduce((sum, pool) => sum + pool.waiting, 0);
  const where = full.map(({ name }) => name);
  return judge({
    name: "pool_waiters",
    value: waiting,
    unit: "requests",
    warning: 1,
    critical: 20,
    message: `${waiting} requests wait for a connection${where.length > 0 ? ` of ${where.join(", ")}` : ""}.`,
    nextStep: STEP,
  });
}
