import { randomBytes } from "node:crypto";
import { Client, escapeIdentifier } from "pg";
import { describe, expect, inject, it, onTestFinished } from "vitest";
import { runMigrateCli } from "../../migrations/cli.ts";
import { databaseAddress } from "../helpers/test-stack.ts";

/** A database as Cloud SQL makes it: it belongs to a group of administrators, of whom none is a superuser. */
async function openCloudSql(): Promise<{ ownerUrl: string; login: string }> {
  const { postgresUrl } = inject("testStack");
  const suffix = randomBytes(4).toString("hex");
  const [group, owner, database] = [`administrators_${suffix}`, `owner_${suffix}`, `netra_cloud_${suffix}`];
  const login = `netra-dev-ingest-${suffix}@my-project.iam`;
  const admin = new Client({ connectionString: postgresUrl });
  await admin.connect();
  onTestFinished(async () => {
    await admin.query(`drop database if exists ${database} with (force)`);
    await admin.query(`drop owned by ${owner}`);
    for (const role of [login, owner, group])
      await admin.query(`drop role if exists ${escapeIdentifier(role)}`);
    await admin.end();
  });
  await admin.query(`create role ${group} createdb createrole nologin`);
  await admin.query(
    `create role ${owner} login createdb createrole password 'local tests only' in role ${group}`,
  );
  await admin.query(`create role ${escapeIdentifier(login)} login`);
  // The roles are the server's and were made by another test's owner; in Cloud SQL the first migration makes them.
  await admin.query(`grant netra_app, netra_system to ${owner} with admin option, inherit false, set false`);
  await admin.query(`create database ${database} owner ${group}`);
  const ownerUrl = databaseAddress(postgresUrl, database, { user: owner, password: "local tests only" });
  return { ownerUrl, login };
}

describe("the migration job in Cloud SQL", () => {
  it("needs no superuser: the owner makes the schema, and gives a login its rights", async () => {
    const { ownerUrl, login } = await openCloudSql();
    let err = "";

    const code = await runMigrateCli(["up", "--only", "postgres", "--login", login], {
      env: { NETRA_ADMIN_DATABASE_URL: ownerUrl },
      out: () => undefined,
      err: (text) => {
        err += text;
      },
      confirm: null,
    });

    expect({ code, err: code === 0 ? "" : err }).toEqual({ code: 0, err: "" });
    const owner = new Client({ connectionString: ownerUrl });
    await owner.connect();
    onTestFinished(() => owner.end());
    const { rows } = await owner.query("select rolsuper from pg_roles where rolname = current_user");
    expect(rows).toEqual([{ rolsuper: false }]);
    // Row-level security is for the functions; the owner, with whose rights some of them work, sees everything.
    await owner.query("insert into organizations (name, slug) values ('a', 'a')");
    expect((await owner.query("select from organizations")).rowCount).toBe(1);
    const granted = await owner.query(
      "select pg_has_role($1, 'netra_app', 'usage') as app, pg_has_role($1, 'netra_system', 'usage') as jobs, pg_has_role($1, 'netra_system', 'set') as may_become",
      [login],
    );
    expect(granted.rows).toEqual([{ app: true, jobs: false, may_become: true }]);
  });
});
