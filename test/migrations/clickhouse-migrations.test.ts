import { describe, expect, it, onTestFinished } from "vitest";
import { listClickHouseMigrations, migrateClickHouse } from "../../migrations/clickhouse-migrations.ts";
import { fillTemplate } from "../../migrations/clickhouse-template.ts";
import { createClickHouse } from "../../shared/clickhouse/client.ts";
import { startOwnClickHouse } from "../helpers/embedded-servers.ts";
import { databaseAddress } from "../helpers/test-stack.ts";
import { openEmptyClickHouse, openEmptyPostgres } from "./empty-databases.ts";
import { makeMigrationFolder, writeFiles } from "./migration-folder.ts";

const TWO = {
  "000001_apples.up.sql": `-- @statement
create table if not exists apples {{on_cluster}} (id UInt32, note String default 'a;b')
engine = {{engine:MergeTree}} order by id
settings {{deduplication:100}}`,
  "000001_apples.down.sql": "-- @statement\ndrop table if exists apples",
  "000002_pears.up.sql": `-- @statement
create table if not exists pears (id UInt32) engine = MergeTree order by id
-- @statement
alter table apples add column if not exists name String`,
  "000002_pears.down.sql": `-- @statement
alter table apples drop column if exists name
-- @statement
drop table if exists pears`,
};

async function openEmpty() {
  const postgres = await openEmptyPostgres();
  return { ...openEmptyClickHouse(), databaseUrl: postgres.databaseUrl, postgres: postgres.client };
}

describe("ClickHouse migrations", () => {
  it("make the database and run once when five runners start at once", async () => {
    const { databaseUrl, clickhouseUrl, rows } = await openEmpty();
    const directory = await makeMigrationFolder(TWO);

    const runs = await Promise.all(
      Array.from({ length: 5 }, () =>
        migrateClickHouse({ databaseUrl, clickhouseUrl, directory, direction: "up" }),
      ),
    );

    expect(runs.flatMap((run) => run.applied)).toEqual(["000001_apples", "000002_pears"]);
    expect(await rows("select version, name, status from schema_migrations final order by version")).toEqual([
      { version: 1, name: "000001_apples", status: "applied" },
      { version: 2, name: "000002_pears", status: "applied" },
    ]);
  });

  it("go up, down to nothing and up again to the same tables", async () => {
    const { databaseUrl, clickhouseUrl, rows } = await openEmpty();
    const directory = await makeMigrationFolder(TWO);
    const run = (direction: "up" | "down") =>
      migrateClickHouse({ databaseUrl, clickhouseUrl, directory, direction, count: 10 });
    const tables = () =>
      rows(
        "select name, create_table_query from system.tables where database = currentDatabase() order by name",
      );

    await run("up");
    const first = await tables();
    expect((await run("down")).applied).toEqual(["000002_pears", "000001_apples"]);
    expect(await tables()).toMatchObject([{ name: "schema_migrations" }]);
    await run("up");

    expect(await tables()).toEqual(first);
  });

  it("start a file over that stopped half-way, once its cause is corrected", async () => {
    const { databaseUrl, clickhouseUrl, rows } = await openEmpty();
    const directory = await makeMigrationFolder({
      ...TWO,
      "000002_pears.up.sql": `-- @statement
create table if not exists pears (id UInt32) engine = MergeTree order by id
-- @statement
alter table nowhere add column name String`,
    });
    const up = () => migrateClickHouse({ databaseUrl, clickhouseUrl, directory, direction: "up" });

    await expect(up()).rejects.toThrow(
      /000002_pears\.up\.sql:4: .*counts as unfinished.*npm run migrate -- up/,
    );
    expect(await listClickHouseMigrations({ clickhouseUrl, directory })).toMatchObject([
      { name: "000001_apples", state: "applied" },
      { name: "000002_pears", state: "unfinished" },
    ]);
    await writeFiles(directory, TWO);

    expect((await up()).applied).toEqual(["000002_pears"]);
    expect(
      await rows("select name from system.columns where database = currentDatabase() and table = 'apples'"),
    ).toEqual([{ name: "id" }, { name: "note" }, { name: "name" }]);
  });

  it("take back a file that stopped half-way", async () => {
    const { databaseUrl, clickhouseUrl, rows } = await openEmpty();
    const directory = await makeMigrationFolder({
      ...TWO,
      "000002_pears.up.sql": `${TWO["000002_pears.up.sql"]}\n-- @statement\nnonsense`,
    });
    const run = (direction: "up" | "down") =>
      migrateClickHouse({ databaseUrl, clickhouseUrl, directory, direction });

    await expect(run("up")).rejects.toThrow("000002_pears.up.sql:6");

    expect((await run("down")).applied).toEqual(["000002_pears"]);
    expect(await rows("show tables")).toEqual([{ name: "apples" }, { name: "schema_migrations" }]);
  });

  it("keep semicolons in strings as they are", async () => {
    const { databaseUrl, clickhouseUrl, client, rows } = await openEmpty();
    const directory = await makeMigrationFolder(TWO);
    await migrateClickHouse({ databaseUrl, clickhouseUrl, directory, direction: "up" });

    await client.command({ query: "insert into apples (id) values (1)" });

    expect(await rows("select note from apples")).toEqual([{ note: "a;b" }]);
  });

  it("refuse an edited and a missing file by name", async () => {
    const { databaseUrl, clickhouseUrl } = await openEmpty();
    const directory = await makeMigrationFolder(TWO);
    await migrateClickHouse({ databaseUrl, clickhouseUrl, directory, direction: "up" });
    const edited = await makeMigrationFolder({ ...TWO, "000001_apples.up.sql": "-- @statement\nselect 1" });
    const missing = await makeMigrationFolder({
      "000001_apples.up.sql": TWO["000001_apples.up.sql"],
      "000001_apples.down.sql": TWO["000001_apples.down.sql"],
    });
    const up = (folder: string) =>
      migrateClickHouse({ databaseUrl, clickhouseUrl, directory: folder, direction: "up" });

    await expect(up(edited)).rejects.toThrow(/000001_apples\.up\.sql was edited/);
    await expect(up(missing)).rejects.toThrow(/000002_pears\.up\.sql was applied/);
  });

  it("wait for the lock in PostgreSQL and give up with a next step", async () => {
    const { databaseUrl, clickhouseUrl, postgres } = await openEmpty();
    const directory = await makeMigrationFolder(TWO);
    const database = new URL(clickhouseUrl).pathname.slice(1);
    await postgres.query("select pg_advisory_lock(hashtextextended($1, 0))", [
      `netra clickhouse migrations of ${database}`,
    ]);

    await expect(
      migrateClickHouse({ databaseUrl, clickhouseUrl, directory, direction: "up", lockWaitMs: 300 }),
    ).rejects.toThrow(/Another migration run has held the lock/);
  });

  it("leave out what needs access control on a server without it, and say so", async () => {
    const { databaseUrl } = await openEmpty();
    // The embedded engine has none, whatever the server of the run has.
    const engine = await startOwnClickHouse(databaseUrl);
    onTestFinished(() => engine.close());
    const clickhouseUrl = databaseAddress(engine.clickhouseUrl, "without_access_control");
    const client = createClickHouse({ url: clickhouseUrl });
    onTestFinished(() => client.close());
    const directory = await makeMigrationFolder({
      "000001_a.up.sql": `-- @statement requires=access-control
create role if not exists netra_test_role
-- @statement
create table if not exists apples (id UInt32) engine = MergeTree order by id`,
      "000001_a.down.sql": "-- @statement\ndrop table if exists apples",
    });
    const notices: (string | undefined)[] = [];

    await migrateClickHouse({
      databaseUrl,
      clickhouseUrl,
      directory,
      direction: "up",
      onProgress: (progress) => notices.push(progress.notice),
    });

    const tables = await client.query({ query: "show tables", format: "JSONEachRow" });
    expect(await tables.json()).toContainEqual({ name: "apples" });
    expect(notices).toEqual([
      undefined,
      "000001_a.up.sql: 1 statement left out, because this user may not make roles and row policies here",
    ]);
  });

  it("refuse a placeholder or a marker that does not exist", async () => {
    const { databaseUrl, clickhouseUrl } = await openEmpty();
    const up = async (sql: string) =>
      migrateClickHouse({
        databaseUrl,
        clickhouseUrl,
        directory: await makeMigrationFolder({ "000001_a.up.sql": sql, "000001_a.down.sql": "" }),
        direction: "up",
      });

    await expect(up("-- @statement\nselect {{clutser}}")).rejects.toThrow(
      "{{clutser}}, which is not a placeholder",
    );
    await expect(up("-- @statement requires=luck\nselect 1")).rejects.toThrow('marker "requires=luck"');
  });

  it("say so when the server is not there or the URL names no database", async () => {
    const { databaseUrl } = await openEmpty();
    const run = (clickhouseUrl: string) => migrateClickHouse({ databaseUrl, clickhouseUrl, direction: "up" });

    await expect(run("http://127.0.0.1:1/netra_analytics")).rejects.toThrow(
      /Check that it runs .* CLICKHOUSE_URL/,
    );
    await expect(run("http://127.0.0.1:1/")).rejects.toThrow(/must name a database/);
  });
});

describe("the placeholders of ClickHouse migrations", () => {
  const statement = `create table t {{on_cluster}} (id UUID, at DateTime)
engine = {{engine:ReplacingMergeTree(at)}} order by id settings {{deduplication:7}}, a = 1`;

  it("make plain tables on a single server", () => {
    expect(fillTemplate(statement, { database: "d", cluster: undefined }, "f")).toBe(
      `create table t  (id UUID, at DateTime)
engine = ReplacingMergeTree(at) order by id settings non_replicated_deduplication_window = 7, a = 1`,
    );
  });

  it("make replicated tables on every server of a cluster", () => {
    expect(fillTemplate(statement, { database: "d", cluster: "main" }, "f")).toBe(
      `create table t on cluster 'main' (id UUID, at DateTime)
engine = ReplicatedReplacingMergeTree(at) order by id settings replicated_deduplication_window = 7, replicated_deduplication_window_seconds = 5184000, a = 1`,
    );
  });
});
