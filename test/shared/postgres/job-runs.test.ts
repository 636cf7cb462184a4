import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AppError } from "../../../shared/errors.ts";
import { type JobName, type JobResult, recordJobRun, withJobRun } from "../../../shared/postgres/job-runs.ts";
import { createPool, type Pool } from "../../../shared/postgres/pool.ts";
import { createDatabases, type TestDatabases } from "../../helpers/databases.ts";
import { startEvents } from "../../helpers/events.ts";
import { startIngest } from "../../helpers/ingest.ts";
import { startPatterns } from "../../helpers/patterns.ts";
import { makeRow } from "../../helpers/make-row.ts";
import { asOwner } from "../../helpers/tenant.ts";
import { addRows } from "../../functions/patterns/ledger.ts";

let databases: TestDatabases;
let pool: Pool;
beforeAll(async () => {
  databases = await createDatabases();
  pool = createPool({
    databaseUrl: databases.databaseUrl,
    connectionsMax: 4,
    applicationName: "test",
    log: () => undefined,
  });
});
afterAll(async () => {
  await pool?.end();
  await databases?.close();
});
beforeEach(() => query("truncate job_states, job_runs"));

async function query<Row extends object>(text: string): Promise<Row[]> {
  return asOwner(databases.adminDatabaseUrl, async (sql) => (await sql.query<Row>(text)).rows);
}
const stateOf = async (job: JobName) =>
  (await query<Record<string, unknown>>(`select * from job_states where job = '${job}'`))[0];

function record(job: JobName, outcome: JobResult["outcome"] | "failed"): Promise<void> {
  const errorClass = outcome === "failed" ? "08006" : null;
  return recordJobRun(pool, { job, outcome, durationMs: 12.6, counts: { scanned: 3 }, errorClass });
}
function log(): void {}

describe("what is noted of a job", () => {
  it("is how it ended last and when it last succeeded", async () => {
    await record("patterns", "succeeded");
    const first = await stateOf("patterns");
    expect(first).toMatchObject({
      last_outcome: "succeeded",
      last_duration_ms: "13",
      last_counts: { scanned: 3 },
      runs: "1",
    });
    await record("patterns", "failed");
    await record("patterns", "failed");
    const second = await stateOf("patterns");
    expect(second).toMatchObject({
      last_outcome: "failed",
      last_error_class: "08006",
      consecutive_failures: 2,
      runs: "3",
      failures: "2",
    });
    expect(second?.["last_succeeded_at"]).toEqual(first?.["last_succeeded_at"]);
    await record("patterns", "partial");
    expect(await stateOf("patterns")).toMatchObject({
      last_outcome: "partial",
      consecutive_failures: 0,
      failures: "2",
    });
    expect(await query("select outcome from job_runs order by id")).toEqual(
      ["succeeded", "failed", "failed", "partial"].map((outcome) => ({ outcome })),
    );
  });

  it("is no more than the latest 200 runs, and of those each minute only what did not succeed", async () => {
    for (let run = 0; run < 230; run += 1) await record("patterns", "succeeded");
    for (let run = 0; run < 5; run += 1) await record("relay", "succeeded");
    await record("relay", "failed");
    expect(
      await query("select job, count(*)::integer as runs from job_runs group by job order by job"),
    ).toEqual([
      { job: "patterns", runs: 200 },
      { job: "relay", runs: 1 },
    ]);
    expect(await stateOf("relay")).toMatchObject({ runs: "6" });
  });

  it("is right when many end at once", async () => {
    await Promise.all(Array.from({ length: 40 }, () => record("events-sweep", "succeeded")));
    expect(await stateOf("events-sweep")).toMatchObject({ runs: "40" });
  });
});

describe("a job that is watched", () => {
  it("hands on what it answers and what it throws, and notes the class alone", async () => {
    const watched = { pool, log, job: "patterns" } as const;
    expect(
      await withJobRun(
        watched,
        async () => 7,
        () => ({ outcome: "succeeded", counts: {} }),
      ),
    ).toBe(7);
    const cause = Object.assign(new Error("secret text"), { code: "ECONNRESET" });
    const failing = withJobRun(
      watched,
      async () => {
        throw new AppError("unavailable", "not now", { cause });
      },
      () => null,
    );
    await expect(failing).rejects.toThrow("not now");
    expect(await stateOf("patterns")).toMatchObject({
      last_outcome: "failed",
      last_error_class: "ECONNRESET",
    });
    expect(JSON.stringify(await query("select * from job_runs"))).not.toContain("secret");
  });

  it("notes nothing of a call that found another one at work", async () => {
    await withJobRun(
      { pool, log, job: "patterns" },
      async () => 1,
      () => null,
    );
    expect(await stateOf("patterns")).toBeUndefined();
  });

  it("does its work although it cannot be noted, and says so in the log", async () => {
    const closed = createPool({
      databaseUrl: databases.databaseUrl,
      connectionsMax: 1,
      applicationName: "test",
      log,
    });
    await closed.end();
    const lines: string[] = [];
    const outcome = await withJobRun(
      { pool: closed, log: (_, message) => void lines.push(message), job: "patterns" },
      async () => "done",
      () => ({ outcome: "succeeded", counts: {} }),
    );
    expect([outcome, lines]).toEqual(["done", ["the end of a job could not be noted"]]);
  });
});

describe("every job of the functions", () => {
  it("notes its end", async () => {
    const ingest = await startIngest({ databases });
    const events = await startEvents({ databases });
    const patterns = await startPatterns({ databases });
    try {
      await fetch(`${ingest.url}/v1/relay`, {
        method: "POST",
        headers: { authorization: `Bearer ${ingest.tenant.key}` },
      });
      await events.sweep();
      await fetch(`${events.url}/reconcile`, { method: "POST" });
      await patterns.run("incremental");
      await patterns.run("full");
      expect(await query("select job, last_outcome from job_states order by job")).toEqual(
        ["events-reconcile", "events-sweep", "patterns", "patterns-full", "relay"].map((job) => ({
          job,
          last_outcome: "succeeded",
        })),
      );
    } finally {
      await patterns.close();
      await events.close();
      await ingest.close();
    }
  });

  it("notes that it failed, with the reason's class", async () => {
    const ingest = await startIngest({ databases, env: { CLICKHOUSE_URL: "http://u:p@127.0.0.1:9/none" } });
    try {
      await addRows(pool, ingest.tenant.organizationId, [makeRow()]);
      const answer = await fetch(`${ingest.url}/v1/relay`, {
        method: "POST",
        headers: { authorization: `Bearer ${ingest.tenant.key}` },
      });
      expect(answer.status).toBe(503);
      expect(await stateOf("relay")).toMatchObject({
        last_outcome: "failed",
        last_error_class: "ECONNREFUSED",
      });
      expect(await query("select outcome from job_runs where job = 'relay'")).toEqual([
        { outcome: "failed" },
      ]);
    } finally {
      await ingest.close();
    }
  });
});
