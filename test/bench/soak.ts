import { randomInt } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { type BenchResult, percentile, result } from "./report.ts";
import { createLedger } from "./soak-ledger.ts";
import { createSeen, runSoakLoad, type SoakSeen } from "./soak-load.ts";
import { type FunctionName, FUNCTIONS, type SoakStack, startSoakStack } from "./soak-stack.ts";
import { type Agreement, compareTotals } from "./soak-totals.ts";

const MINUTE_MS = 60_000;
const FAULT_EVERY_MS = { least: 4_000, most: 15_000 };
/** After the last fault: leases of killed workers (90 s, longer on later tries) have to end. */
const SETTLE_MS = 15 * MINUTE_MS;
const SETTLE_POLL_MS = 5_000;

/** What a scheduler would call, far more often than in production. */
const JOBS: readonly { name: FunctionName; path: string; everyMs: number; needsKey?: boolean }[] = [
  { name: "ingest", path: "/v1/relay", everyMs: 5_000, needsKey: true },
  { name: "events", path: "/sweep", everyMs: 5_000 },
  { name: "patterns", path: "/run", everyMs: 15_000 },
  { name: "patterns", path: "/run?mode=full", everyMs: 120_000 },
  { name: "retention", path: "/run", everyMs: 60_000 },
  { name: "health", path: "/run", everyMs: 10_000 },
];

/**
 * Executions, webhooks, reads and every job at the same time, while parts are killed at random; ends with every store's
 * totals beside what the senders were told. `--minutes` sets how long faults go on.
 */
export async function benchSoak(
  progress: (line: string) => void,
  { minutes = 10 }: { minutes?: number },
): Promise<BenchResult[]> {
  progress("starting everything");
  const stack = await startSoakStack();
  const stopping = new AbortController();
  const jobsStopping = new AbortController();
  const ledger = createLedger();
  const seen = createSeen();
  const faults = new Map<string, number>();
  try {
    const jobs = runJobs(stack, jobsStopping.signal);
    const load = runSoakLoad({ stack, ledger, seen, stopping: stopping.signal });
    const until = Date.now() + minutes * MINUTE_MS;
    await Promise.race([causeFaults(stack, until, faults, progress), load]);
    stopping.abort();
    progress("waiting until everything begun is acknowledged");
    await load;
    progress("waiting until everything has arrived everywhere");
    const disagreements = await settle(stack, ledger, progress);
    jobsStopping.abort();
    await jobs;
    return toResults(minutes, ledger.executions.size, ledger.deliveries.size, seen, faults, disagreements);
  } finally {
    stopping.abort();
    jobsStopping.abort();
    await stack.close();
  }
}

async function causeFaults(
  stack: SoakStack,
  until: number,
  faults: Map<string, number>,
  progress: (line: string) => void,
): Promise<void> {
  const kinds: readonly [string, () => Promise<void>][] = [
    ...FUNCTIONS.map((name): [string, () => Promise<void>] => [
      `${name} killed`,
      () => stack.killFunction(name),
    ]),
    ["PostgreSQL crashed", stack.crashPostgres],
    ["ClickHouse crashed", stack.crashClickHouse],
    ["messages lost", stack.loseMessages],
  ];
  for (;;) {
    await delay(randomInt(FAULT_EVERY_MS.least, FAULT_EVERY_MS.most));
    if (Date.now() > until) return;
    const [name, cause] = kinds[randomInt(kinds.length)] ?? ["messages lost", stack.loseMessages];
    progress(name);
    await cause();
    faults.set(name, (faults.get(name) ?? 0) + 1);
  }
}

async function runJobs(stack: SoakStack, stopping: AbortSignal): Promise<void> {
  await Promise.all(
    JOBS.map(async (job) => {
      while (!stopping.aborted) {
        await callJob(stack, job);
        await delay(job.everyMs, undefined, { signal: stopping }).catch(() => undefined);
      }
    }),
  );
}

async function callJob(stack: SoakStack, job: (typeof JOBS)[number]): Promise<void> {
  try {
    const response = await fetch(`${stack.url(job.name)}${job.path}`, {
      method: "POST",
      headers: job.needsKey === true ? { authorization: `Bearer ${stack.key}` } : {},
      signal: AbortSignal.timeout(50_000),
    });
    await response.arrayBuffer();
  } catch {
    // Killed under the call, or still starting: the next call goes on, as the scheduler's would.
  }
}

/** Looks until every total agrees; what still differs when time is over is the result. */
async function settle(
  stack: SoakStack,
  ledger: ReturnType<typeof createLedger>,
  progress: (line: string) => void,
): Promise<Agreement[]> {
  const until = Date.now() + SETTLE_MS;
  for (;;) {
    const all = await compareTotals(stack, ledger);
    const differing = all.filter(({ expected, found }) => expected !== found);
    if (differing.length === 0 || Date.now() > until) return all;
    progress(differing.map(({ name, expected, found }) => `${name}: ${found} of ${expected}`).join("; "));
    await delay(SETTLE_POLL_MS);
  }
}

function toResults(
  minutes: number,
  executions: number,
  deliveries: number,
  seen: SoakSeen,
  faults: ReadonlyMap<string, number>,
  agreements: readonly Agreement[],
): BenchResult[] {
  const differing = agreements.filter(({ expected, found }) => expected !== found);
  return [
    result("minutes", minutes, "min"),
    result(
      "faults",
      [...faults.values()].reduce((sum, count) => sum + count, 0),
      "faults",
    ),
    ...[...faults].map(([name, count]) => result(name.replaceAll(" ", "_").toLowerCase(), count, "times")),
    result("executions_acknowledged", executions, "executions"),
    result("webhooks_acknowledged", deliveries, "deliveries"),
    result("sent_again", seen.retries, "requests"),
    result("reads_checked", seen.reads, "answers"),
    result("ingest_p95", p95(seen.ingestMs), "ms"),
    result("webhook_p95", p95(seen.webhookMs), "ms"),
    ...seen.wrong.slice(0, 20).map((what) => result(what, 1, "times", { target: "never", ok: () => false })),
    result("wrong_answers", seen.wrong.length, "answers", { target: "0", ok: ({ value }) => value === 0 }),
    ...differing.map(({ name, expected, found }) =>
      result(`${name}: ${found} instead of ${expected}`, 1, "totals", { target: "equal", ok: () => false }),
    ),
    result("totals_that_agree", agreements.length - differing.length, "totals", {
      target: `all ${agreements.length}`,
      ok: ({ value }) => value === agreements.length,
    }),
  ];
}

function p95(latencies: readonly number[]): number {
  return percentile(
    latencies.toSorted((a, b) => a - b),
    0.95,
  );
}
