import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { migratePostgres } from "../../migrations/postgres-migrations.ts";
import { dumpPostgresSchema } from "../../migrations/schema-dump.ts";
import { openEmptyPostgres } from "./empty-databases.ts";

describe("the PostgreSQL schema", () => {
  it("is the committed one after going up, down to nothing and up again", async () => {
    const { databaseUrl, client, rows } = await openEmptyPostgres();
    await migratePostgres({ databaseUrl, direction: "up" });
    const first = await dumpPostgresSchema(client);
    await migratePostgres({ databaseUrl, direction: "down", count: 1_000 });
    const left = await rows(
      `select relname from pg_class where relnamespace = 'public'::regnamespace and relname not like 'schema\\_migrations%'
       union all select proname from pg_proc where pronamespace = 'public'::regnamespace`,
    );
    await migratePostgres({ databaseUrl, direction: "up" });
    const second = await dumpPostgresSchema(client);

    expect(left).toEqual([]);
    expect(second).toBe(first);
    const committed = await readFile(join(import.meta.dirname, "../../migrations/schema.sql"), "utf8");
    expect(
      second,
      "migrations/schema.sql is not what the migrations make. If the change is meant: npm run migrate -- dump",
    ).toBe(committed);
  });

  it("has row-level security and a tenant policy on every table with an organization", async () => {
    const { databaseUrl, rows } = await openEmptyPostgres();
    await migratePostgres({ databaseUrl, direction: "up" });

    const open = await rows(`
      select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'organization_id'
      where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'public'::regnamespace
        and not (c.relrowsecurity and exists (select from pg_policies p where p.tablename = c.relname and p.policyname like 'tenant%'))`);

    expect(open).toEqual([]);
  });

  it("gives nobody but the owner a security-definer function by default", async () => {
    const { databaseUrl, rows } = await openEmptyPostgres();
    await migratePostgres({ databaseUrl, direction: "up" });

    const open = await rows(`
      select p.proname from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
      where p.pronamespace = 'public'::regnamespace and p.prosecdef and g.grantee = 0`);

    expect(open).toEqual([]);
  });
});
