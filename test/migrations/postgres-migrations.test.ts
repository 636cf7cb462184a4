import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Client } from "pg";
import { describe, expect, it } from "vitest";
import { listPostgresMigrations, migratePostgres } from "../../migrations/postgres-migrations.ts";
import { openEmptyPostgres } from "./empty-databases.ts";
import { makeMigrationFolder, writeFiles } from "./migration-folder.ts";

const TWO = {
  "000001_apples.up.sql": "create table apples (id integer)",
  "000001_apples.down.sql": "drop table apples",
  "000002_pears.up.sql": "create table pears (id integer)",
  "000002_pears.down.sql": "drop table pears",
};

const indexesOn = (table: string): string => `-- no-transaction
-- @statement
drop index concurrently if exists apples_id
-- @statement
create index concurrently apples_id on apples (id)
-- @statement
create index concurrently second_id on ${table} (id)
`;

describe("PostgreSQL migrations", () => {
  it("run once when ten runners start at once, and all ten succeed", async () => {
    const { databaseUrl, rows } = await openEmptyPostgres();
    const directory = await makeMigrationFolder({
      ...TWO,
      "000003_index.up.sql":
        "-- no-transaction\n-- @statement\ncreate index concurrently apples_id on apples (id)\n",
      "000003_index.down.sql": "drop index apples_id",
    });

    const runs = await Promise.all(
      Array.from({ length: 10 }, () => migratePostgres({ databaseUrl, directory, direction: "up" })),
    );

    expect(runs.flatMap((run) => run.applied)).toEqual(["000001_apples", "000002_pears", "000003_index"]);
    expect(await rows("select name from schema_migrations order by version")).toHaveLength(3);
  });

  it("are remembered with version, checksum, time, duration and who applied them", async () => {
    const { databaseUrl, rows } = await openEmptyPostgres();
    const directory = await makeMigrationFolder(TWO);

    await migratePostgres({ databaseUrl, directory, direction: "up" });

    expect(await rows("select * from schema_migrations order by applied_at desc")).toMatchObject([
      {
        version: 2,
        name: "000002_pears",
        checksum: expect.stringMatching(/^[0-9a-f]{64}$/),
        applied_at: expect.any(Date),
        execution_ms: expect.any(Number),
        applied_by: expect.stringMatching(/./),
      },
      { version: 1, name: "000001_apples" },
    ]);
  });

  it("take back the newest one, or as many as were asked for", async () => {
    const { databaseUrl } = await openEmptyPostgres();
    const directory = await makeMigrationFolder(TWO);
    await migratePostgres({ databaseUrl, directory, direction: "up" });

    const newest = await migratePostgres({ databaseUrl, directory, direction: "down" });
    await migratePostgres({ databaseUrl, directory, direction: "up" });
    const both = await migratePostgres({ databaseUrl, directory, direction: "down", count: 5 });

    expect(newest.applied).toEqual(["000002_pears"]);
    expect(both.applied).toEqual(["000002_pears", "000001_apples"]);
  });

  it("leave nothing of a file that fails, keep those before it and say where it failed", async () => {
    const { databaseUrl, rows } = await openEmptyPostgres();
    const directory = await makeMigrationFolder({
      ...TWO,
      "000002_pears.up.sql": "create table pears (id integer);\n\nselect nonsense;\n",
    });

    await expect(migratePostgres({ databaseUrl, directory, direction: "up" })).rejects.toThrow(
      /000002_pears\.up\.sql:3: .*"nonsense" does not exist \(SQLSTATE 42703\)\. Nothing of this file was kept/,
    );
    expect(await rows("select tablename from pg_tables where schemaname = 'public' order by 1")).toEqual([
      { tablename: "apples" },
      { tablename: "schema_migrations" },
    ]);

    await writeFiles(directory, TWO);
    expect((await migratePostgres({ databaseUrl, directory, direction: "up" })).applied).toEqual([
      "000002_pears",
    ]);
  });

  it("release the lock after a failure", async () => {
    const { databaseUrl } = await openEmptyPostgres();
    const directory = await makeMigrationFolder({ ...TWO, "000001_apples.up.sql": "nonsense" });
    const run = () => migratePostgres({ databaseUrl, directory, direction: "up", lockWaitMs: 5_000 });

    await expect(run()).rejects.toThrow("syntax error");
    await expect(run()).rejects.toThrow("syntax error");
  });

  it("give up with a next step when another runner never ends", async () => {
    const { databaseUrl, client } = await openEmptyPostgres();
    const directory = await makeMigrationFolder(TWO);
    await client.query("select pg_advisory_lock(hashtextextended('netra postgres migrations', 0))");

    await expect(
      migratePostgres({ databaseUrl, directory, direction: "up", lockWaitMs: 300 }),
    ).rejects.toThrow(/Another migration run has held the lock/);
  });

  it("refuse an edited file by name, up and down", async () => {
    const { databaseUrl } = await openEmptyPostgres();
    const directory = await makeMigrationFolder(TWO);
    await migratePostgres({ databaseUrl, directory, direction: "up" });
    await writeFiles(directory, { "000001_apples.up.sql": "create table apples (id bigint)" });

    for (const direction of ["up", "down"] as const) {
      await expect(migratePostgres({ databaseUrl, directory, direction })).rejects.toThrow(
        /000001_apples\.up\.sql was edited .* npm run migrate -- create/,
      );
    }
    expect(await listPostgresMigrations({ databaseUrl, directory })).toMatchObject([
      { name: "000001_apples", state: "edited" },
      { name: "000002_pears", state: "applied" },
    ]);
  });

  it("refuse to go on without a file that was applied", async () => {
    const { databaseUrl } = await openEmptyPostgres();
    const directory = await makeMigrationFolder(TWO);
    await migratePostgres({ databaseUrl, directory, direction: "up" });
    await rm(join(directory, "000002_pears.up.sql"));
    await rm(join(directory, "000002_pears.down.sql"));

    await expect(migratePostgres({ databaseUrl, directory, direction: "up" })).rejects.toThrow(
      /000002_pears\.up\.sql was applied .* but its file is missing/,
    );
    expect(await listPostgresMigrations({ databaseUrl, directory })).toMatchObject([
      { name: "000001_apples", state: "applied" },
      { name: "000002_pears", state: "missing" },
    ]);
  });

  it("refuse a file that slipped in before an applied one", async () => {
    const { databaseUrl } = await openEmptyPostgres();
    const directory = await makeMigrationFolder({
      "000002_pears.up.sql": TWO["000002_pears.up.sql"],
      "000002_pears.down.sql": TWO["000002_pears.down.sql"],
    });
    await migratePostgres({ databaseUrl, directory, direction: "up" });
    await writeFiles(directory, TWO);

    await expect(migratePostgres({ databaseUrl, directory, direction: "up" })).rejects.toThrow(
      /000001_apples\.up\.sql comes before 000002_pears.* Give it a number after 000002/,
    );
  });

  it("run a no-transaction file statement by statement, and again after it stopped half-way", async () => {
    const { databaseUrl, rows } = await openEmptyPostgres();
    const directory = await makeMigrationFolder({
      ...TWO,
      "000003_indexes.up.sql": indexesOn("nowhere"),
      "000003_indexes.down.sql": "drop index second_id; drop index apples_id",
    });

    await expect(migratePostgres({ databaseUrl, directory, direction: "up" })).rejects.toThrow(
      /000003_indexes\.up\.sql.*runs without a transaction/,
    );
    await writeFiles(directory, { "000003_indexes.up.sql": indexesOn("pears") });
    const again = await migratePostgres({ databaseUrl, directory, direction: "up" });

    expect(again.applied).toEqual(["000003_indexes"]);
    expect(await rows("select indexname from pg_indexes where indexname like '%\\_id' order by 1")).toEqual([
      { indexname: "apples_id" },
      { indexname: "second_id" },
    ]);
  });

  it("keep semicolons in strings and function bodies as they are", async () => {
    const { databaseUrl, rows } = await openEmptyPostgres();
    const directory = await makeMigrationFolder({
      "000001_text.up.sql": `create table notes (body text default 'a;b; -- @statement');
create function note() returns text language plpgsql as $$ begin return 'x;y'; end; $$;
insert into notes default values; -- the last line has no semicolon`,
      "000001_text.down.sql": "drop function note(); drop table notes",
    });

    await migratePostgres({ databaseUrl, directory, direction: "up" });

    expect(await rows("select body, note() from notes")).toEqual([
      { body: "a;b; -- @statement", note: "x;y" },
    ]);
  });

  it("fail within the lock timeout instead of queueing behind a long transaction", async () => {
    const { databaseUrl, client } = await openEmptyPostgres();
    const directory = await makeMigrationFolder({
      ...TWO,
      "000002_pears.up.sql": "set local lock_timeout = '200ms';\nalter table apples add column name text",
      "000002_pears.down.sql": "alter table apples drop column name",
    });
    await migratePostgres({ databaseUrl, directory, direction: "up", count: 1 });
    await client.query("begin; lock table apples in share mode");

    await expect(migratePostgres({ databaseUrl, directory, direction: "up" })).rejects.toThrow(
      "SQLSTATE 55P03",
    );

    await client.query("rollback");
    expect((await migratePostgres({ databaseUrl, directory, direction: "up" })).applied).toEqual([
      "000002_pears",
    ]);
  });

  it("are listed as pending on a database that was never migrated, without changing it", async () => {
    const { databaseUrl, rows } = await openEmptyPostgres();
    const directory = await makeMigrationFolder(TWO);

    expect(await listPostgresMigrations({ databaseUrl, directory })).toMatchObject([
      { name: "000001_apples", state: "pending", appliedAt: null },
      { name: "000002_pears", state: "pending", appliedAt: null },
    ]);
    expect(await rows("select tablename from pg_tables where schemaname = 'public'")).toEqual([]);
  });

  it("report their steps as they start", async () => {
    const { databaseUrl } = await openEmptyPostgres();
    const directory = await makeMigrationFolder(TWO);
    const steps: string[] = [];

    await migratePostgres({
      databaseUrl,
      directory,
      direction: "up",
      onProgress: ({ step, total, name }) => steps.push(`${step}/${total} ${name}`),
    });

    expect(steps).toEqual(["1/2 000001_apples", "2/2 000002_pears"]);
  });

  it("leave no connection behind, whether they succeed or fail", async () => {
    const { databaseUrl, client } = await openEmptyPostgres();
    const directory = await makeMigrationFolder({ ...TWO, "000002_pears.up.sql": "nonsense" });

    await expect(migratePostgres({ databaseUrl, directory, direction: "up" })).rejects.toThrow(
      "syntax error",
    );

    await expect.poll(async () => countMigrationConnections(client), { timeout: 10_000 }).toBe(0);
  });
});

async function countMigrationConnections(client: Client): Promise<number> {
  const { rowCount } = await client.query(
    "select 1 from pg_stat_activity where datname = current_database() and application_name = 'netra-migrate'",
  );
  return rowCount ?? 0;
}
