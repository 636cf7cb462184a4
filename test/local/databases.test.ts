import { createClient } from "@clickhouse/client";
import { Client } from "pg";
import { expect, it } from "vitest";
import { createDatabases } from "../helpers/databases.ts";

it("gives two callers databases that know nothing of each other", async () => {
  const [one, two] = await Promise.all([createDatabases(), createDatabases()]);
  try {
    for (const databases of [one, two]) {
      const sql = new Client(databases.adminDatabaseUrl);
      await sql.connect();
      await sql.query("insert into organizations (name, slug) values ('Acme', 'acme')");
      expect((await sql.query("select 1 from organizations")).rowCount).toBe(1);
      await sql.end();
      const clickhouse = createClient({ url: databases.clickhouseUrl });
      await clickhouse.command({ query: "create table only_here (id UInt8) engine = Memory" });
      await clickhouse.close();
    }
  } finally {
    await Promise.all([one.close(), two.close()]);
  }
});

it("connects the functions' login without the rights of the owner", async () => {
  const databases = await createDatabases();
  const sql = new Client(databases.databaseUrl);
  await sql.connect();
  try {
    await expect(sql.query("create table t ()")).rejects.toThrow(/permission denied/);
    await expect(sql.query("select password_hash from users")).rejects.toThrow(/permission denied/);
    await sql.query("begin; set local role netra_system; commit");
  } finally {
    await sql.end();
    await databases.close();
  }
});
