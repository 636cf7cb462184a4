import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { createFolderStore } from "../../../shared/retention/archive-store.ts";
import type { RetentionTools } from "../../../shared/retention/connection.ts";
import { restoreMonth } from "../../../shared/retention/restore-month.ts";
import { runRetention } from "../../../shared/retention/run-retention.ts";
import { startFunctionProcess } from "../../helpers/function-process.ts";
import { listWritten } from "../../helpers/patterns.ts";
import {
  daysAgo,
  listArchived,
  listExecutions,
  type Retention,
  retentionEnv,
  setPolicy,
  startRetention,
} from "../../helpers/retention.ts";
import { listAnalytics, terminateSessions, until } from "../../helpers/stored.ts";
import { asOwner } from "../../helpers/tenant.ts";

async function start(): Promise<Retention> {
  const retention = await startRetention();
  onTestFinished(() => retention.close());
  return retention;
}

async function makeFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "netra-archive-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const run = (tools: RetentionTools): ReturnType<typeof runRetention> =>
  runRetention({ tools, dryRun: false, now: null, runMs: 60_000 });

/** What stands between two steps when the process is killed there: every session of it is gone. */
class Killed extends Error {}

it("loses nothing and ends the same wherever a run is cut off", async () => {
  const retention = await start();
  const { databases, tenant, other } = retention;
  const store = createFolderStore(await makeFolder());
  await setPolicy(retention, other.organizationId, "executions", 10, "archive");
  await retention.add(tenant, [daysAgo(200), daysAgo(130), daysAgo(3)]);
  await retention.add(other, [daysAgo(200), daysAgo(20), daysAgo(3)]);
  const before = await listExecutions(databases);
  const rolledUp = await listWritten(databases.adminDatabaseUrl);

  let cutOff = 0;
  let isDone: boolean | null = null;
  for (let at = 1; ; at += 1) {
    let steps = 0;
    const onStep = async (): Promise<void> => {
      steps += 1;
      if (steps !== at) return;
      await terminateSessions(databases.adminDatabaseUrl);
      throw new Killed();
    };
    const outcome = await run({ ...retention.context.tools, store, onStep }).catch((error: unknown) => {
      if (error instanceof Killed) return null;
      throw error;
    });
    isDone = outcome?.is_done ?? null;
    if (outcome !== null) break;
    cutOff += 1;
  }

  expect(isDone).toBe(true);
  expect(cutOff).toBeGreaterThan(8);
  expect((await listExecutions(databases)).length).toBe(2);
  expect(await listArchived(databases).then((rows) => rows.length)).toBe(1);
  expect((await listAnalytics(databases.clickhouseUrl)).length).toBe(2);
  await retention.patterns.run("full", new Date().toISOString());
  expect(await listWritten(databases.adminDatabaseUrl)).toEqual(rolledUp);
  const months = new Set(
    [200, 130, 20].map((days) => `${new Date(daysAgo(days).timestamp).toISOString().slice(0, 7)}-01`),
  );
  for (const month of months) await restoreMonth({ ...retention.context.tools, store }, { month, days: 7 });
  expect(await listExecutions(databases)).toEqual(before);
});

it("a process killed while it works is followed by one that does the rest", async () => {
  const retention = await start();
  const { databases } = retention;
  await retention.add(retention.tenant, [daysAgo(200)]);
  const process = await startFunctionProcess("retention", retentionEnv(databases));
  onTestFinished(async () => void (await process.end("SIGKILL")));
  await asOwner(databases.adminDatabaseUrl, async (sql) => {
    await sql.query("begin; lock table retention_archives in exclusive mode");
    const answer = fetch(`${process.url}/run`, { method: "POST" }).catch(() => null);
    await until(async () => {
      // Within a transaction the activity of others is told as it was first seen.
      await sql.query("select pg_stat_clear_snapshot()");
      const { rows } = await sql.query(
        "select from pg_stat_activity where datname = current_database() and application_name = 'netra-retention' and wait_event_type = 'Lock'",
      );
      return rows.length > 0;
    });
    await process.end("SIGKILL");
    await answer;
    await sql.query("rollback");
  });
  await until(async () => (await retention.run()).is_done);
  expect((await listArchived(databases)).length).toBe(1);
});

it("goes on with the ledger while the analytics copy is away, and makes up for it afterwards", async () => {
  const retention = await start();
  const { databases } = retention;
  await retention.add(retention.tenant, [daysAgo(200), daysAgo(3)]);
  const { tools } = retention.context;
  const away = { ...tools, clickhouse: brokenClient(tools.clickhouse) };

  const outcome = await run(away);

  expect(outcome.is_done).toBe(false);
  expect(outcome.deferred.map(({ reason }) => reason)).toContain("analytics_away");
  expect((await listExecutions(databases)).length).toBe(1);
  expect((await listAnalytics(databases.clickhouseUrl)).length).toBe(2);
  expect((await run(tools)).is_done).toBe(true);
  expect((await listAnalytics(databases.clickhouseUrl)).length).toBe(1);
});

const refuse = (): Promise<never> => Promise.reject(new Error("connect ECONNREFUSED"));

function brokenClient(clickhouse: RetentionTools["clickhouse"]): RetentionTools["clickhouse"] {
  return Object.assign(Object.create(clickhouse) as typeof clickhouse, {
    query: refuse,
    command: refuse,
    exec: refuse,
  });
}

it("leaves a month for the next run while others hold the ledger, and never makes them wait long", async () => {
  const retention = await start();
  const { databases } = retention;
  await retention.add(retention.tenant, [daysAgo(200)]);
  await asOwner(databases.adminDatabaseUrl, async (sql) => {
    await sql.query("begin; select count(*) from command_executions");
    const outcome = await retention.run();
    expect(outcome.deferred).toMatchObject([{ reason: "ledger_busy" }]);
    await sql.query("commit");
  });
  expect((await retention.run()).is_done).toBe(true);
});

it.each([
  ["ahead", 3_600_000],
  ["behind", -3_600_000],
])("a clock an hour %s takes nothing before its time", async (_, off) => {
  const retention = await start();
  await setPolicy(retention, retention.tenant.organizationId, "executions", 10, "delete");
  const midnight = Math.floor(Date.now() / 86_400_000) * 86_400_000;
  const young = daysAgo(0, { timestamp: midnight - 10 * 86_400_000 + 1 });
  await retention.add(retention.tenant, [young, daysAgo(20)]);

  const outcome = await run({ ...retention.context.tools, clock: () => Date.now() + off });

  expect((await listExecutions(retention.databases)).length).toBe(1);
  expect(Math.abs(outcome.clock_skew_ms - off)).toBeLessThan(60_000);
  expect(retention.logLines.some((line) => line.includes("clocks"))).toBe(true);
});

it("leaves the rest to the next run when time is over", async () => {
  const retention = await start();
  await retention.add(retention.tenant, [daysAgo(200), daysAgo(3)]);
  const outcome = await runRetention({ tools: retention.context.tools, dryRun: false, now: null, runMs: -1 });
  expect(outcome.is_done).toBe(false);
  expect((await listExecutions(retention.databases)).length).toBe(2);
  expect((await retention.run()).is_done).toBe(true);
});
