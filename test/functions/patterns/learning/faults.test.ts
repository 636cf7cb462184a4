import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { expect, it, onTestFinished } from "vitest";
import { startFunctionProcess } from "../../../helpers/function-process.ts";
import { NOW, type Patterns, patternsEnv, postRun, startPatterns } from "../../../helpers/patterns.ts";
import { asOwner, createTenant } from "../../../helpers/tenant.ts";
import { addRows, row } from "../ledger.ts";
import { readLearned } from "./learned.ts";

async function start(): Promise<Patterns> {
  const patterns = await startPatterns();
  onTestFinished(() => patterns.close());
  return patterns;
}

async function fill(patterns: Patterns, organizationId: string, base: string): Promise<void> {
  const rows = Array.from({ length: 30 }, (_, index) =>
    row(base, Date.parse(NOW) - (60 - index) * 3_600_000, { cost_usd: BigInt(index + 1) * 10n ** 11n }),
  );
  await addRows(patterns.context.pool, organizationId, rows);
}

async function countLearned({ databases }: Patterns): Promise<number> {
  const { models } = await readLearned(databases.adminDatabaseUrl);
  return models.reduce((sum, one) => sum + Number(one.executions), 0);
}

async function expectRight(patterns: Patterns, learned: number): Promise<void> {
  const { adminDatabaseUrl } = patterns.databases;
  const before = await readLearned(adminDatabaseUrl);
  expect(await countLearned(patterns)).toBe(learned);
  await asOwner(adminDatabaseUrl, (sql) =>
    sql.query("truncate prediction_models, prediction_levels, prediction_state"),
  );
  await patterns.run();
  expect(await readLearned(adminDatabaseUrl)).toEqual(before);
}

it.each([
  ["before evidence is stored", "full", "prediction_levels"],
  ["before models are stored", "incremental", "prediction_models"],
  ["before it notes what it has learned", "incremental", "prediction_state"],
  ["before it notes what it has learned", "full", "prediction_state"],
] as const)("a run killed %s (%s) is finished by the next", async (_, mode, table) => {
  const patterns = await start();
  const { organizationId } = patterns.tenant;
  const other = await createTenant(patterns.databases.adminDatabaseUrl);
  await fill(patterns, organizationId, "/a");
  await fill(patterns, other.organizationId, "/b");
  await patterns.run();
  await fill(patterns, organizationId, "/new");
  const process = await startFunctionProcess("patterns", patternsEnv(patterns.databases));
  onTestFinished(async () => void (await process.end("SIGKILL")));
  const holder = new Client({ connectionString: patterns.databases.adminDatabaseUrl });
  await holder.connect();
  await holder.query(`begin; lock table ${table} in exclusive mode`);
  const answer = postRun(process.url, { mode, now: NOW }).catch(() => null);
  await untilSomebodyWaits(holder);
  expect(await process.end("SIGKILL")).toBeNull();
  await answer;
  await holder.end();

  await untilDone(patterns);

  expect(await countLearned(patterns)).toBe(90);
  // The last thirty ended as the first did and came later; all of them in order is what a full run learns.
  await patterns.run("full");
  await expectRight(patterns, 90);
});

async function untilSomebodyWaits(holder: Client): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    await holder.query("select pg_stat_clear_snapshot()");
    const { rows } = await holder.query(
      "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and application_name = 'netra-patterns'",
    );
    if (rows.length > 0) return;
    if (Date.now() > deadline) throw new Error("no run came to the lock");
    await delay(20);
  }
}

/** The server may hold on to the dead run's lock until it notices that its connection is gone. */
async function untilDone(patterns: Patterns): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await patterns.run("incremental")).is_done) {
    if (Date.now() > deadline) throw new Error("the lock was never given free");
    await delay(50);
  }
}

it("two runs at once learn everything once", async () => {
  const patterns = await start();
  await fill(patterns, patterns.tenant.organizationId, "/a");
  await patterns.run();
  await fill(patterns, patterns.tenant.organizationId, "/a");

  const outcomes = await Promise.all([patterns.run(), patterns.run(), patterns.run("full")]);

  expect(outcomes.some(({ is_done }) => is_done)).toBe(true);
  expect(await countLearned(patterns)).toBe(60);
  await patterns.run("full");
  await expectRight(patterns, 60);
});

it("a run whose learning fails answers 503 with the patterns counted, and the next one does the rest", async () => {
  const patterns = await start();
  await fill(patterns, patterns.tenant.organizationId, "/a");
  const { adminDatabaseUrl } = patterns.databases;
  await asOwner(adminDatabaseUrl, (sql) =>
    sql.query(`create function fail() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;
      create trigger fail before insert on prediction_models for each row execute function fail()`),
  );
  expect((await postRun(patterns.url, { now: NOW })).status).toBe(503);
  await asOwner(adminDatabaseUrl, (sql) => sql.query("drop function fail() cascade"));

  expect(await patterns.run()).toMatchObject({ scanned: 0, learned: 30, is_done: true });

  await expectRight(patterns, 30);
});
