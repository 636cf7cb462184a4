import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { startPostgres } from "../../local/embedded-postgres.ts";
import { ensureServiceLogin } from "../../local/service-login.ts";
import { migratePostgres } from "../../migrations/postgres-migrations.ts";
import { startFunctionProcess } from "../helpers/function-process.ts";
import { createTenant } from "../helpers/tenant.ts";
import { addExecutions } from "./patterns-ledger.ts";
import { type BenchResult, median, result } from "./report.ts";

const PASSWORD = "benchmark";
const HISTORY = 1_000_000;
const NEW_ROWS = 10_000;
const LONG_HISTORY_TIMES = 5;
const REPEATS = 3;

/** The same figures for each pattern's base as a run makes, by one statement over the same rows. */
const PLAIN = `
select organization_id, command_base, count(*), count(*) filter (where status = 'failed'),
  count(*) filter (where status = 'timeout'), sum(total_tokens), sum(input_tokens), sum(output_tokens), sum(cached_tokens),
  sum(cache_write_5m_tokens), sum(cache_write_1h_tokens), sum(execution_time_ms), sum(cost_usd), sum(cache_savings_usd),
  percentile_cont(array[0.1, 0.5, 0.9, 0.95]) within group (order by total_tokens),
  percentile_cont(array[0.1, 0.5, 0.9, 0.95]) within group (order by cost_usd),
  percentile_cont(array[0.1, 0.5, 0.9, 0.95]) within group (order by execution_time_ms),
  percentile_cont(array[0.1, 0.5, 0.9, 0.95]) within group (order by cache_hit_rate)
from command_executions
where status <> 'pending' and timestamp >= now() - interval '30 days'
group by organization_id, command_base`;

/**
 * What counting patterns costs: a full run against one plain GROUP BY over the same rows, and an incremental run over new
 * rows against the full run, and against itself with five times the history. NETRA_BENCH_SCALE=0.1 does a tenth of it: enough to
 * see that it works, too little to judge by, because there are as many patterns and days to write as for all.
 */
export async function benchPatterns(progress: (line: string) => void): Promise<BenchResult[]> {
  const scale = Number(process.env["NETRA_BENCH_SCALE"] ?? 1);
  const rows = Math.round(HISTORY * scale);
  const newRows = Math.round(NEW_ROWS * scale);
  const stack = await startStack();
  try {
    const { admin, organizationId, run } = stack;
    const addNew = (): Promise<void> => addExecutions(admin, organizationId, newRows, 0.01);
    const incremental = async (): Promise<number> => {
      const times: number[] = [];
      for (let repeat = 0; repeat < REPEATS; repeat += 1) {
        await addNew();
        times.push(await run("incremental", newRows));
      }
      return median(times);
    };

    progress(`making ${rows} executions`);
    await addExecutions(admin, organizationId, rows);
    await admin.query("vacuum analyze command_executions");
    const plain: number[] = [];
    const full: number[] = [];
    for (let repeat = 0; repeat < REPEATS; repeat += 1) {
      const startedAt = performance.now();
      await admin.query(PLAIN);
      plain.push(performance.now() - startedAt);
      // From nothing each time, so that everything is written.
      await admin.query(
        "truncate pattern_state, pattern_daily_rollups, daily_command_stats, command_patterns",
      );
      full.push(await run("full", rows));
      progress(`plain ${Math.round(plain.at(-1) ?? 0)} ms, full ${Math.round(full.at(-1) ?? 0)} ms`);
    }
    const few = await incremental();
    progress(`incremental ${Math.round(few)} ms; making the rest of ${LONG_HISTORY_TIMES * rows} executions`);
    await addExecutions(admin, organizationId, (LONG_HISTORY_TIMES - 1) * rows);
    await admin.query("vacuum analyze command_executions");
    await run("incremental", (LONG_HISTORY_TIMES - 1) * rows);
    const many = await incremental();
    return [
      result(`full run, ${rows} executions`, median(full), "ms", {
        floor: median(plain),
        target: "<= 3 x GROUP BY with percentile_cont",
        ok: ({ ratio }) => ratio <= 3,
      }),
      result(`incremental run, ${newRows} new`, few, "ms", {
        floor: median(full),
        target: "<= 1/20 of the full run",
        ok: ({ ratio }) => ratio <= 1 / 20,
      }),
      result(`incremental run, ${LONG_HISTORY_TIMES} x history`, many, "ms", {
        floor: few,
        target: "<= 1.5 x with the short history",
        ok: ({ ratio }) => ratio <= 1.5,
      }),
    ];
  } finally {
    await stack.close();
  }
}

interface PatternsStack {
  admin: Client;
  organizationId: string;
  /** Runs, checks how many executions were counted, and resolves with the milliseconds it took. */
  run: (mode: "incremental" | "full", scanned: number) => Promise<number>;
  close: () => Promise<void>;
}

/** PostgreSQL with the durability of production and the function in a process of its own. */
async function startStack(): Promise<PatternsStack> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "netra-bench-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const postgres = await startPostgres({ directory: join(folder, "postgres"), password: PASSWORD });
  undo.defer(() => postgres.stop());
  const adminDatabaseUrl = postgres.url("postgres");
  await migratePostgres({ databaseUrl: adminDatabaseUrl, direction: "up" });
  await ensureServiceLogin(adminDatabaseUrl, { user: "netra_service", password: PASSWORD });
  const { organizationId } = await createTenant(adminDatabaseUrl);
  const patterns = await startFunctionProcess("patterns", {
    DATABASE_URL: adminDatabaseUrl.replace("netra_owner", "netra_service"),
    NETRA_CALLER_AUTH: "platform",
  });
  undo.defer(async () => void (await patterns.end("SIGTERM")));
  const admin = new Client({ connectionString: adminDatabaseUrl });
  await admin.connect();
  undo.defer(() => admin.end());
  const run: PatternsStack["run"] = async (mode, expected) => {
    const startedAt = performance.now();
    const response = await fetch(`${patterns.url}/run?mode=${mode}&only=patterns`, { method: "POST" });
    const answer: unknown = await response.json();
    const took = performance.now() - startedAt;
    const scanned =
      typeof answer === "object" && answer !== null && "scanned" in answer ? answer.scanned : null;
    if (scanned !== expected) {
      throw new Error(`a run counted ${String(scanned)} of ${expected}: ${JSON.stringify(answer)}`);
    }
    return took;
  };
  const opened = undo.move();
  return { admin, organizationId, run, close: () => opened.disposeAsync() };
}
