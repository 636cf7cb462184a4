import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { expect, it, onTestFinished } from "vitest";
import { startFunctionProcess } from "../../helpers/function-process.ts";
import {
  listWritten,
  NOW,
  type Patterns,
  patternsEnv,
  postRun,
  runOn,
  startPatterns,
} from "../../helpers/patterns.ts";
import { asOwner } from "../../helpers/tenant.ts";
import { addRows, countBothWays, row } from "./ledger.ts";

async function start(): Promise<Patterns> {
  const patterns = await startPatterns();
  onTestFinished(() => patterns.close());
  return patterns;
}

/** Some executions of three months, so that a full run has several steps. */
async function fill(patterns: Patterns, base = "/a"): Promise<void> {
  await addRows(
    patterns.context.pool,
    patterns.tenant.organizationId,
    ["2026-09-05", "2026-10-25", "2026-11-03", "2026-11-20"].flatMap((day) => [
      row(base, `${day}T08:00:00Z`),
      row("/b", `${day}T09:00:00Z`, { status: "failed" }),
    ]),
  );
}

async function expectRight(patterns: Patterns): Promise<void> {
  const { adminDatabaseUrl } = patterns.databases;
  const { ledger, rolledUp } = await countBothWays(adminDatabaseUrl);
  expect(rolledUp).toEqual(ledger);
  const before = await listWritten(adminDatabaseUrl);
  expect(before["patterns"]?.length).toBeGreaterThan(0);
  await asOwner(adminDatabaseUrl, (sql) =>
    sql.query("truncate command_patterns, pattern_daily_rollups, pattern_state, daily_command_stats"),
  );
  await patterns.run("full");
  expect(await listWritten(adminDatabaseUrl)).toEqual(before);
}

/** Holds a lock that a run must wait for, and resolves when one waits. */
async function holdTable(
  patterns: Patterns,
  lock: string,
): Promise<{ waited: () => Promise<void>; free: () => Promise<void> }> {
  const holder = new Client({ connectionString: patterns.databases.adminDatabaseUrl });
  await holder.connect();
  await holder.query(`begin; ${lock}`);
  return {
    async waited() {
      const deadline = Date.now() + 30_000;
      for (;;) {
        // Within a transaction the activity of others is told as it was first seen.
        await holder.query("select pg_stat_clear_snapshot()");
        const { rows } = await holder.query(
          "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and application_name = 'netra-patterns'",
        );
        if (rows.length > 0) return;
        if (Date.now() > deadline) throw new Error("no run came to the lock");
        await delay(20);
      }
    },
    free: () => holder.end(),
  };
}

it.each([
  ["before roll-ups are stored", "full", "lock table pattern_daily_rollups in exclusive mode"],
  ["before patterns are stored", "full", "lock table command_patterns in exclusive mode"],
  ["before the daily summary is stored", "incremental", "lock table daily_command_stats in exclusive mode"],
  ["before it notes what it has counted", "incremental", "lock table pattern_state in exclusive mode"],
  [
    "between two months of a full run",
    "full",
    "lock table command_executions_2026_10 in access exclusive mode",
  ],
] as const)("a run killed %s is finished by the next", async (_, mode, lock) => {
  const patterns = await start();
  await fill(patterns);
  if (mode === "incremental") {
    await patterns.run();
    await fill(patterns, "/new");
  }
  const process = await startFunctionProcess("patterns", patternsEnv(patterns.databases));
  onTestFinished(async () => void (await process.end("SIGKILL")));
  const held = await holdTable(patterns, lock);
  const answer = postRun(process.url, { mode, now: NOW }).catch(() => null);
  await held.waited();
  expect(await process.end("SIGKILL")).toBeNull();
  await answer;
  await held.free();

  await untilDone(patterns);

  await expectRight(patterns);
});

/** The server may hold on to the dead run's lock until it notices that its connection is gone. */
async function untilDone(patterns: Patterns): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await patterns.run("incremental")).is_done) {
    if (Date.now() > deadline) throw new Error("the lock was never given free");
    await delay(50);
  }
}

it("a run whose step fails answers 503, and the next one does the work", async () => {
  const patterns = await start();
  await fill(patterns);
  const { adminDatabaseUrl } = patterns.databases;
  await asOwner(adminDatabaseUrl, (sql) =>
    sql.query(`create function fail() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
      create trigger fail before insert on command_patterns for each row execute function fail()`),
  );
  expect((await postRun(patterns.url, { mode: "full", now: NOW })).status).toBe(503);
  expect((await postRun(patterns.url, { now: NOW })).status).toBe(503);
  await asOwner(adminDatabaseUrl, (sql) => sql.query("drop function fail() cascade"));

  expect(await patterns.run()).toMatchObject({ is_done: true });

  await expectRight(patterns);
});

it("of two runs at once one works and the other says so, but a full one waits a while", async () => {
  const patterns = await start();
  await fill(patterns);
  const held = await holdTable(patterns, "lock table command_patterns in exclusive mode");
  const first = patterns.run("full");
  await held.waited();

  expect(await patterns.run()).toMatchObject({ is_under_way: true, is_done: false, scanned: 0 });
  const waiting = runOn(patterns.url, "full");

  await held.free();
  expect(await first).toMatchObject({ is_under_way: false, is_done: true, scanned: 8 });
  expect(await waiting).toMatchObject({ is_under_way: false, is_done: true, scanned: 8, rollups_written: 0 });
  await expectRight(patterns);
});

it("a run that is out of time leaves the rest to the next", async () => {
  const patterns = await startPatterns({ env: { NETRA_PATTERNS_RUN_SECONDS: "1" } });
  onTestFinished(() => patterns.close());
  await fill(patterns);
  const held = await holdTable(patterns, "lock table pattern_state in exclusive mode");
  const first = patterns.run("full");
  await held.waited();
  await delay(1_100);
  await held.free();

  expect(await first).toMatchObject({ is_done: false, recounted_months: 1 });
  expect(await patterns.run()).toMatchObject({ is_done: true, recounted_months: 2 });
  await expectRight(patterns);
});

it("counts everything anew when its state is of another server", async () => {
  const patterns = await start();
  await fill(patterns);
  await patterns.run();
  await asOwner(patterns.databases.adminDatabaseUrl, (sql) =>
    sql.query("update pattern_state set server = 'other'"),
  );

  expect(await patterns.run()).toMatchObject({ scanned: 8, recounted_months: 3, rollups_written: 0 });
});
