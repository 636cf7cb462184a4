import { expect, it, onTestFinished } from "vitest";
import { startHealth } from "../helpers/health.ts";
import { asOwner } from "../helpers/tenant.ts";

/** What this file guards: that nothing has been stored lately is told when there is much that is old. */
it("leads to what is recent by the index, however many keys are old", async () => {
  const health = await startHealth();
  onTestFinished(() => health.close());
  const { adminDatabaseUrl } = health.databases;
  await asOwner(adminDatabaseUrl, (sql) =>
    sql.query(
      `insert into ingest_keys (organization_id, id, timestamp, seen_at)
       select $1, gen_random_uuid(), now(), now() - interval '10 days' from generate_series(1, 30000)`,
      [health.tenant.organizationId],
    ),
  );

  await health.run();

  await asOwner(adminDatabaseUrl, async (sql) => {
    await sql.query("set enable_seqscan = off");
    const { rows } = await sql.query<{
      "QUERY PLAN": [{ Plan: { "Rows Removed by Index Recheck": number } }];
    }>("explain (analyze, format json) select from ingest_keys where seen_at > now() - interval '1 hour'");
    // Without it all of them are looked at; the last range is still being filled.
    expect(rows[0]?.["QUERY PLAN"][0].Plan["Rows Removed by Index Recheck"]).toBeLessThan(5_000);
  });
});
