import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { startPostgres } from "../../local/embedded-postgres.ts";
import { ensureServiceLogin } from "../../local/service-login.ts";
import { migratePostgres } from "../../migrations/postgres-migrations.ts";
import { createPool, withOrganization } from "../../shared/postgres/pool.ts";
import { listShipped } from "../../shared/postgres/shipped.ts";
import { SHIPPED_KINDS } from "../../shared/shipped.ts";
import { createTenant } from "../helpers/tenant.ts";
import { type BenchResult, result } from "./report.ts";
import { addStory } from "./shipped-ledger.ts";

const PASSWORD = "benchmark";
const EXECUTIONS = 1_000_000;
const PULL_REQUESTS = 400;
const REPEATS = 5;
const DAY_MS = 86_400_000;

/** Nothing but reading the same rows and adding them up by what they told of their place. */
const PLAIN = `
select workspace_context ->> 'repository', workspace_context ->> 'branch', count(*), sum(total_tokens), sum(cost_usd)
from command_executions
where timestamp >= now() - interval '30 days' and status <> 'pending'
group by 1, 2`;

/**
 * What the ledger needs to answer by what was shipped: a million executions of thirty days in 20 repositories, of which two
 * thirds are on the branches of 400 pull requests. NETRA_BENCH_SCALE=0.1 does a tenth of the executions.
 */
export async function benchShipped(progress: (line: string) => void): Promise<BenchResult[]> {
  const executions = Math.round(EXECUTIONS * Number(process.env["NETRA_BENCH_SCALE"] ?? 1));
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "netra-bench-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const postgres = await startPostgres({ directory: join(folder, "postgres"), password: PASSWORD });
  undo.defer(() => postgres.stop());
  const adminDatabaseUrl = postgres.url("postgres");
  await migratePostgres({ databaseUrl: adminDatabaseUrl, direction: "up" });
  await ensureServiceLogin(adminDatabaseUrl, { user: "netra_service", password: PASSWORD });
  const { organizationId } = await createTenant(adminDatabaseUrl);
  const admin = new Client({ connectionString: adminDatabaseUrl });
  await admin.connect();
  undo.defer(() => admin.end());
  progress(`making ${executions} executions and ${PULL_REQUESTS} pull requests`);
  await addStory(admin, organizationId, { executions, pullRequests: PULL_REQUESTS });
  const pool = createPool({
    databaseUrl: adminDatabaseUrl.replace("netra_owner", "netra_service"),
    connectionsMax: 2,
    applicationName: "bench",
    log: () => undefined,
    statementTimeoutMs: 120_000,
  });
  undo.defer(() => pool.end());

  const plain = await middle(() => admin.query(PLAIN));
  const results: BenchResult[] = [];
  for (const by of SHIPPED_KINDS) {
    const range = { from: new Date(Date.now() - 30 * DAY_MS), to: new Date() };
    const filters = { person: null, repository: null, state: null, environment: null };
    const query = { by, ...range, ...filters, limit: 50, offset: 0 };
    let attributed = 0;
    const took = await middle(async () => {
      const rows = await withOrganization(pool, organizationId, (sql) =>
        listShipped(sql, organizationId, query),
      );
      attributed = rows.find(({ kind }) => kind === "attributed")?.executions ?? 0;
    });
    progress(`by ${by}: ${Math.round(took)} ms, ${attributed} executions attributed`);
    results.push(
      result(`by ${by}, ${executions} executions`, took, "ms", {
        floor: plain,
        target: "about 1 s at 1,000,000",
        ok: ({ value }) => value <= 1_500,
      }),
    );
  }
  return results;
}

async function middle(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    const startedAt = performance.now();
    await work();
    times.push(performance.now() - startedAt);
  }
  return times.toSorted((a, b) => a - b)[Math.floor(REPEATS / 2)] ?? NaN;
}
