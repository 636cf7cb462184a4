import { expect, it, vi } from "vitest";
import { startInsights } from "../helpers/insights.ts";
import { makeExecution } from "../helpers/make-execution.ts";
import { asOwner, createTenant } from "../helpers/tenant.ts";

it("questions of what was shipped take turns: what one organization asks leaves room for others", async () => {
  const slow = await startInsights({ NETRA_ANALYTICS_QUERIES: "1", NETRA_QUERY_TIMEOUT_MS: "20000" });
  try {
    await slow.store([makeExecution()]);
    const other = await createTenant(slow.databases.adminDatabaseUrl);
    const { statuses, others } = await asOwner(slow.databases.adminDatabaseUrl, async (sql) => {
      await slow.getRaw("/v1/shipped?limit=1000");
      await sql.query("begin");
      await sql.query("lock table command_executions in access exclusive mode");
      const many = Array.from({ length: 25 }, (_, index) => slow.getRaw(`/v1/shipped?limit=${index + 1}`));
      const waits: number[] = [];
      for (const one of many) {
        void one.then(
          ({ status, headers }) => status === 503 && waits.push(Number(headers.get("retry-after"))),
        );
      }
      // One runs and sixteen wait.
      await vi.waitFor(() => expect(waits).toHaveLength(8), { timeout: 15_000 });
      expect(Math.min(...waits)).toBeGreaterThan(0);
      const theirs = slow.getRaw("/v1/shipped", other.key);
      await sql.query("rollback");
      return { statuses: (await Promise.all(many)).map(({ status }) => status), others: await theirs };
    });
    expect(others.status).toBe(200);
    expect(statuses.filter((status) => status === 200)).toHaveLength(17);
    expect(statuses.filter((status) => status === 503)).toHaveLength(8);
  } finally {
    await slow.close();
  }
});
